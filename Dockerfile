# The image of the migrations, the schedule and the workers of docker-compose.yml.
# What enters it is named in .dockerignore.
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
# The whole lock is fetched and checked against its hashes; what the project doesn't need to run (the embedded
# stack, the test tools) stays behind in this stage.
COPY requirements.lock ./
RUN pip download --require-hashes --no-deps --only-binary=:all: --requirement requirements.lock --dest /wheels
COPY . .
# Runtime dependencies from the checked files only, then the project itself. Editable: one copy of the code, with
# its data files where the tests found them. Compiled here, because the containers' file systems are read-only.
RUN python -m venv /opt/rebalancer \
 && /opt/rebalancer/bin/pip install --no-index --find-links /wheels "setuptools>=80" \
 && /opt/rebalancer/bin/pip install --no-index --find-links /wheels --no-build-isolation --editable . \
 && /opt/rebalancer/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${PYTHON}
RUN useradd --system --uid 10001 --no-create-home rebalancer && install --directory --owner=rebalancer /anchors
COPY --from=build /opt/rebalancer /opt/rebalancer
COPY --from=build /app /app
ENV PATH=/opt/rebalancer/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER rebalancer
CMD ["python", "worker.py"]
