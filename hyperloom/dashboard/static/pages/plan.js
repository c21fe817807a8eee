// One plan: how far each function of it is, how fast, what failed, and its graph as it runs.
import { useState } from "../vendor/hooks.mjs";
import { Act } from "../actions.js";
import { jobLink, logsLink, tasksLink } from "../links.js";
import { cancelledIn, clock, count, Figure, html, seconds, Table, Track, Trouble, useAnswer } from "../parts.js";
import { Group } from "./errors.js";
import { Picture } from "./graph.js";

// One that is running is drawn soon; of one that is over nothing changes.
const OFTEN_MS = 2000;
const SELDOM_MS = 10_000;

function Drawn({ plan, job, every }) {
  const [together, setTogether] = useState(false);
  const { answer, error } = useAnswer(`/api/drawn?id=${plan}${together ? "&by=function" : ""}`, every);
  const says = !answer ? "" : answer.single ? `${count(answer.total)} tasks; a box leads to its task among its neighbours`
    : `each box is a function, and leads to its tasks${answer.hidden ? `; ${count(answer.hidden)} with fewer tasks are not drawn` : ""}`;
  return html`<section class="card"><h2>Graph</h2><${Trouble} text=${error}/><p class="label" role="status">${says}</p>
    ${answer && (answer.single || together) && html`<label><input type="checkbox" checked=${together} onChange=${(event) => setTogether(event.target.checked)}/> by function</label>`}
    ${answer && (answer.boxes.length ? html`<${Picture} answer=${answer} job=${job}/>` : html`<p class="empty">Nothing is told of its tasks yet.</p>`)}
  </section>`;
}

export function Plan({ rest }) {
  const id = rest[0] || "";
  const [going, setGoing] = useState(true);
  const { answer, error } = useAnswer(`/api/plan?id=${encodeURIComponent(id)}`, going ? OFTEN_MS : SELDOM_MS);
  if (error) return html`<${Trouble} text=${error}/><p><a href="#/jobs">All plans</a></p>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  const plan = answer;
  if (going !== plan.goes_on) setGoing(plan.goes_on);
  const total = plan.tasks_done + plan.tasks_failed + plan.tasks_cancelled + plan.left + plan.untold;
  const took = plan.began ? (plan.goes_on ? Date.now() / 1000 : plan.ended) - plan.began : null;
  return html`
    <div class="card"><h2>${plan.label || "A plan without a label"} <span class="label">${plan.id}</span></h2>
      <${Track} done=${plan.tasks_done} failed=${plan.tasks_failed} cancelled=${plan.tasks_cancelled} total=${total}/>
      <p class="tools">job ${jobLink(plan.job)} · <a href="#/jobs">all plans</a> · <a href=${`#/stream/${plan.job}`}>stream</a> · ${logsLink(plan.job)} · <a href=${`#/errors/${plan.job}`}>errors of the job</a>
        ${plan.goes_on ? html` <${Act} what="cancel" id=${plan.id} label="cancel"/>` : ""}</p>
      <p class="label">Submitted ${clock(plan.at)} by ${plan.program || "?"}, process ${plan.pid}${plan.detached ? "; detached: it outlives its program" : ""}</p>
      ${plan.told_from_text ? html`<p class="label">Told from ${plan.told_from_text}</p>` : ""}
    </div>
    <div class="row">
      <${Figure} label="Done" value=${count(plan.tasks_done)} more=${`of ${count(total)}`}/>
      <${Figure} label="Left" value=${count(plan.left)} more=${plan.goes_on ? `${count(plan.running)} on nodes` : plan.left ? "never ended" : ""}/>
      <${Figure} label="Failed" value=${count(plan.tasks_failed)} kind=${plan.tasks_failed ? "bad" : ""} more=${plan.tasks_cancelled ? `${count(plan.tasks_cancelled)} cancelled` : ""}/>
      <${Figure} label="Tasks per second" value=${plan.rate === null ? "–" : count(plan.rate)} more=${plan.left_s === null ? "" : `about ${seconds(plan.left_s)} left`}/>
      <${Figure} label=${plan.goes_on ? "Since" : "Took"} value=${took === null ? "–" : seconds(took)}/>
      <${Figure} label=${plan.told_from_text ? "Results made" : "Results there"} value=${count(plan.there)} more=${`of ${plan.looked_at < plan.results ? `the ${count(plan.looked_at)} looked at` : count(plan.results)}${plan.failed ? `; ${count(plan.failed)} failed` : ""}${plan.cancelled ? `; ${count(plan.cancelled)} cancelled` : ""}`}/>
    </div>
    <${Table} caption="Functions" rows=${plan.names} rowKey=${(row) => row.name} empty="Nothing is told of its tasks yet." columns=${[
      ["Function", (row) => tasksLink(plan.job, row.name, row.name)],
      ["Progress", (row) => html`<${Track} done=${row.done} failed=${row.failed} cancelled=${row.cancelled} total=${row.submitted}/>`],
      ["Tasks", (row) => count(row.submitted), "number"], ["Done", (row) => count(row.done), "number"],
      ["Left", (row) => count(row.left), "number"], ["Failed", (row) => count(row.failed), "number"],
      ...cancelledIn(plan.names),
      ["Tried again", (row) => count(row.retried), "number"], ["Takes", (row) => seconds(row.mean_s), "number"],
    ]}/>
    ${plan.untold ? html`<p class="label">Of ${count(plan.untold)} more tasks nothing is told, or not yet.</p>` : ""}
    ${plan.errors.map((group) => html`<${Group} key=${`${group.name} ${group.kind} ${group.place}`} job=${plan.job} group=${group}/>`)}
    <${Drawn} plan=${plan.id} job=${plan.job} every=${going ? OFTEN_MS : SELDOM_MS}/>`;
}
