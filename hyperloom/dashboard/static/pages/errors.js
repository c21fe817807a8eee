// Failures, those that are the same together: one function, one class, one place.
import { useState } from "../vendor/hooks.mjs";
import { chosenJob, JobTools, taskLink } from "../links.js";
import { Behind, clock, count, html, Trouble, useAnswer } from "../parts.js";

function Traceback({ job, group }) {
  const asked = new URLSearchParams({ job, name: group.name, kind: group.kind, place: group.place, ids: group.tasks.map((task) => task.id).join(",") });
  const { answer, error } = useAnswer(`/api/traceback?${asked}`, 0);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  return html`<pre tabindex="0">${answer.traceback || "There is none, or what was known of it is gone."}</pre>`;
}

export function Group({ job, group }) {
  const [open, set] = useState(false);
  return html`<section class="card error">
    <h2><span class="bad">${group.kind}</span> × ${count(group.count)} <span class="label">in ${group.name}${group.retried ? `; ${count(group.retried)} of them were tried again` : ""}</span></h2>
    <p class="says">${group.text}</p>
    <p class="label">${group.place ? html`<code>${group.place}</code> · ` : ""}first ${clock(group.first)}, last ${clock(group.last)}</p>
    <p>The latest: ${group.tasks.slice(0, 5).map((task) => html`${taskLink(task.id, task.short)} `)}</p>
    <button aria-expanded=${open ? "true" : "false"} onClick=${() => set(!open)}>${open ? "Hide the traceback" : "Traceback"}</button>
    ${open && html`<${Traceback} job=${job} group=${group}/>`}
  </section>`;
}

export function Errors({ moment, rest }) {
  const job = chosenJob(moment, rest);
  const { answer, error } = useAnswer(`/api/errors?job=${job}`, 3000);
  const groups = answer ? answer.errors : [];
  return html`<${JobTools} moment=${moment} job=${job} page="errors"/><${Trouble} text=${error}/><${Behind} answer=${answer}/>
    ${answer && !answer.behind && !groups.length && html`<div class="card empty">Nothing has failed.</div>`}
    ${groups.map((group) => html`<${Group} key=${`${group.name} ${group.kind} ${group.place}`} job=${job} group=${group}/>`)}
    ${answer && answer.left_out ? html`<p class="label">${count(answer.left_out)} failures more are in no group: there are too many.</p>` : ""}`;
}
