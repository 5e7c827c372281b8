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

# FIX=yes compiles the official QuickFIX into the image (some minutes); development and tests use a wheel of it.
ARG FIX=no
RUN if [ "$FIX" = yes ]; then \
        apt-get update && apt-get install --yes --no-install-recommends g++ \
     && echo "quickfix==1.16.0 --hash=sha256:825aceb72cfd69c30fbbf5b380b66f464abe1fe3188374f13d8c9987dd8eb4e9" > /quickfix.txt \
     && /opt/rebalancer/bin/pip install --require-hashes --no-deps --no-binary :all: --no-build-isolation -r /quickfix.txt; \
    fi

FROM ${PYTHON}
ARG FIX=no
RUN if [ "$FIX" = yes ]; then \
        apt-get update && apt-get install --yes --no-install-recommends libstdc++6 stunnel4 \
     && rm -rf /var/lib/apt/lists/*; \
    fi
RUN useradd --system --uid 10001 --no-create-home rebalancer && install --directory --owner=rebalancer /anchors \
 && install --directory --owner=rebalancer --mode=700 /keys /signing && install --directory --owner=rebalancer /tls
COPY --from=build /opt/rebalancer /opt/rebalancer
COPY --from=build /app /app
ENV PATH=/opt/rebalancer/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER rebalancer
CMD ["python", "worker.py"]
