// What the page may do, if whoever started it allowed that.
import { useEffect, useState } from "./vendor/hooks.mjs";
import { html } from "./parts.js";

let terms = null;

function useTerms() {
  const [told, tell] = useState(null);
  useEffect(() => {
    terms = terms || fetch("/api/terms").then((reply) => reply.json());
    terms.then(tell);
  }, []);
  return told;
}

// A button that asks again before it does `what` ("cancel" or "kill") to the thing of this id.
export function Act({ what, id, label }) {
  const told = useTerms();
  const [state, set] = useState("");  // "", "sure?", or what came of it
  if (!told || !told.actions) return null;
  async function act() {
    const reply = await fetch(`/api/do/${what}?id=${encodeURIComponent(id)}`, {
      method: "POST", headers: { "X-Loom-Token": told.token },
    });
    const answer = await reply.json();
    set(reply.ok ? "done" : answer.error);
  }
  if (state === "sure?") {
    return html`<span class="act"><button class="grave" onClick=${act}>Really ${label}</button>
      <button onClick=${() => set("")}>No</button></span>`;
  }
  if (state) return html`<span role="status" class="label">${state}</span>`;
  return html`<button onClick=${() => set("sure?")}>${label}</button>`;
}
