// Passkeys (WebAuthn Level 3). The only thing here that a page cannot do without a script.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const post = async (url, body) => {
    const answer = await fetch(url, {
      method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" }, redirect: "error",
    });
    const read = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(read.problem || "");
    return read;
  };
  const named = (list) => (list || []).map((entry) => ({ ...entry, id: bytes(entry.id) }));

  const shown = (response) => {
    const out = { clientDataJSON: text(response.clientDataJSON) };
    for (const name of ["authenticatorData", "signature", "userHandle", "attestationObject"]) {
      if (response[name]) out[name] = text(response[name]);
    }
    if (response.getTransports) out.transports = response.getTransports();
    return out;
  };
  const credential = (found) => ({
    id: found.id, rawId: text(found.rawId), type: found.type,
    extensions: found.getClientExtensionResults(), response: shown(found.response),
  });

  const form = document.querySelector("form[data-passkey]");
  if (!form || !window.PublicKeyCredential) return;
  const { passkey, start, finish, failed } = form.dataset;
  const button = form.querySelector(".passkey-submit");
  const place = form.querySelector("[role=alert]");
  const hidden = () => Object.fromEntries([...form.querySelectorAll("input")].map((input) => [input.name, input.value]));
  let waiting;

  const ask = async (mediation) => {
    if (waiting) waiting.abort();
    const control = waiting = new AbortController();
    place.hidden = true;
    try {
      const begun = await post(start, hidden());
      const key = begun.publicKey;
      key.challenge = bytes(key.challenge);
      let found;
      if (passkey === "add") {
        key.user.id = bytes(key.user.id);
        key.excludeCredentials = named(key.excludeCredentials);
        found = await navigator.credentials.create({ publicKey: key, signal: control.signal });
      } else {
        key.allowCredentials = named(key.allowCredentials);
        found = await navigator.credentials.get({ publicKey: key, mediation, signal: control.signal });
      }
      const done = await post(finish, { ...hidden(), ceremony: begun.ceremony, credential: credential(found) });
      location.assign(done.location);
    } catch (fault) {
      if (control.signal.aborted || mediation === "conditional") return;
      place.textContent = fault.name === "Error" && fault.message ? fault.message : failed;
      place.hidden = false;
    }
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => { event.preventDefault(); ask("optional"); });
  button.disabled = false;
  const conditional = PublicKeyCredential.isConditionalMediationAvailable;
  if (passkey === "use" && conditional) {
    conditional.call(PublicKeyCredential).then((can) => { if (can) ask("conditional"); });
  }
})();
