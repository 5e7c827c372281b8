// A form that a passkey answers: what the browser is asked comes from the server, what the device says goes back with it.
(() => {
  "use strict";
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  document.querySelectorAll("form[data-passkey]").forEach((form) => { form.hidden = false; });
  // On the document: a page that is live puts its forms in anew.
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-passkey]"), button = event.submitter;
    if (!form || button?.hasAttribute("formaction") || form.elements.answer.value) return;
    event.preventDefault();
    try {
      const asked = await fetch(form.dataset.passkey, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (!asked.ok) throw new Error(asked.status === 409 ? "you have no passkey yet: add one at /me" : `the console says ${asked.status}`);
      const options = await asked.json();
      const made = form.dataset.create === undefined
        ? await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })
        : await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
      form.elements.answer.value = JSON.stringify(made.toJSON());
      form.requestSubmit(button);
    } catch (flaw) {
      const told = form.querySelector("[role=alert]") || form.appendChild(document.createElement("p"));
      told.setAttribute("role", "alert");
      told.textContent = `Your device did not vouch for it: ${flaw.message || flaw.name}`;
    }
  });
})();
