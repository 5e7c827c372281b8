// A form that a passkey answers: what the browser is asked comes from the server, what the device says goes back with it.
(() => {
  "use strict";
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.answer.value) return;
      event.preventDefault();
      try {
        const asked = await fetch(form.dataset.passkey, { method: "POST", body: new URLSearchParams(new FormData(form)) });
        if (!asked.ok) { form.removeAttribute("data-passkey"); location.reload(); return; }
        const options = await asked.json();
        const made = form.dataset.create === undefined
          ? await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })
          : await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
        form.elements.answer.value = JSON.stringify(made.toJSON());
        form.submit();
      } catch (flaw) {
        const told = form.querySelector("[role=alert]") || form.appendChild(document.createElement("p"));
        told.setAttribute("role", "alert");
        told.textContent = `Your device did not answer: ${flaw.name}`;
      }
    });
  }
})();
