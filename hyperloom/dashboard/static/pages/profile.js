// Where the time of running tasks goes: their workers look at their own stacks for some seconds.
import { useMemo, useState } from "../vendor/hooks.mjs";
import { Flame, owners, treeOf } from "../flame.js";
import { html, seconds, Table, Trouble } from "../parts.js";

export function Profile({ rest }) {
  const id = rest[0] || "";
  const [told, tell] = useState(null);
  const [state, set] = useState("");
  const [worker, choose] = useState("");
  async function look(event) {
    event.preventDefault();
    const { id: of, time } = event.target.elements;
    set("looking");
    try {
      const reply = await fetch(`/api/profile?seconds=${time.value}${of.value.trim() ? `&id=${encodeURIComponent(of.value.trim())}` : ""}`);
      const answer = await reply.json();
      tell(reply.ok ? { ...answer, number: (told ? told.number : 0) + 1 } : null);
      choose("");
      set(reply.ok ? "" : answer.error);
    } catch (problem) { set(`the page's server does not answer (${problem.message})`); }
  }
  const profiles = told ? told.profiles : [];
  // Who waits for work has nothing to show, unless one asks for it.
  const busy = profiles.filter((each) => !each.name.startsWith("idle,"));
  const shown = worker !== "" ? [profiles[worker]] : busy.length ? busy : profiles;
  // The same one as long as what it shows is the same: whoever zooms in keeps to a part of it.
  const root = useMemo(() => (told && profiles.length ? treeOf(told, shown) : null), [told, worker]);
  return html`<form class="tools" onSubmit=${look}>
      <label>Of task, actor, job or node <input name="id" key=${id} defaultValue=${id} placeholder="all workers"/></label>
      <label>for <select name="time"><option value="2">2 s</option><option value="5">5 s</option><option value="10">10 s</option></select></label>
      <button disabled=${state === "looking"}>Look</button>
      <span role="status" class="label">${state === "looking" ? "Looking …" : ""}</span></form>
    ${state && state !== "looking" && html`<${Trouble} text=${state}/>`}
    ${!told && !state && html`<div class="card empty">Workers look at what they do a hundred times a second; that costs them about a hundredth of their time.</div>`}
    ${told && !root && html`<div class="card empty">No worker answered: none runs, or it is in native code.</div>`}
    ${root && html`<div class="card">
      ${profiles.length > 1 && html`<div class="tools"><label>Worker <select value=${worker} onChange=${(event) => choose(event.target.value)}>
        <option value="">${busy.length ? `all ${busy.length} that are at work` : `all ${profiles.length}`}</option>${profiles.map((each, n) => html`<option key=${n} value=${n}>${each.name}</option>`)}</select></label></div>`}
      <${Flame} key=${`${told.number} ${worker}`} root=${root}/></div>
      <${Table} caption="Most time by themselves" rows=${owners(root).slice(0, 15)} empty="" columns=${[
        ["Function", (row) => row.name], ["Place", (row) => row.where], ["Time", (row) => seconds(row.own), "number"],
        ["Share", (row) => `${((100 * row.own) / root.time).toFixed(1)} %`, "number"],
      ]}/>`}`;
}
