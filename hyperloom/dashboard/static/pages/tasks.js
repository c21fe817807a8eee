// Tasks in a table; one task with its story and why it is not over.
import { useState } from "../vendor/hooks.mjs";
import { Act } from "../actions.js";
import { chosenJob, graphLink, jobLink, JobTools, logsLink, nodeLink, placeLink, planLink, profileLink, taskLink, workerLink } from "../links.js";
import { count, exactly, html, seconds, size, Table, Trouble, useAnswer } from "../parts.js";

const STATES = ["RUNNING", "HELD", "READY", "WAITING", "FAILED", "CANCELLED", "DONE"];

const FEW = 100;
const MANY = 2000;

export function Tasks({ moment, rest }) {
  const [state, setState] = useState("");
  const [name, setName] = useState(rest[1] || "");
  const [limit, setLimit] = useState(FEW);
  const job = chosenJob(moment, rest);
  const { answer, error } = useAnswer(`/api/tasks?job=${job}&state=${state}&name=${encodeURIComponent(name)}&limit=${limit}`, 3000);
  const rows = answer ? answer.tasks : [];
  const more = answer && (answer.matched > rows.length || answer.hidden)
    ? `${count(rows.length)} of ${count(answer.matched + answer.hidden)} are shown${answer.hidden ? `; ${count(answer.hidden)} were not looked at` : ""}${answer.stopped ? `; ${answer.stopped}` : ""}` : "";
  return html`<${JobTools} moment=${moment} job=${job} page="tasks"/><${Trouble} text=${error}/>
    <div class="tools">
      <label>State <select value=${state} onChange=${(event) => setState(event.target.value)}>
        <option value="">all</option>${STATES.map((each) => html`<option key=${each}>${each}</option>`)}</select></label>
      <label>Name has <input value=${name} onInput=${(event) => setName(event.target.value)}/></label>
      <span class="label" role="status">${more}</span>
    </div>
    <${Table} caption=${`Tasks of job ${job}`} rows=${rows} rowKey=${(row) => row.id} empty="None that match." columns=${[
      ["Task", (row) => taskLink(row.id, row.short)], ["Name", (row) => row.name],
      ["State", (row) => html`<span class=${row.state}>${row.state}</span>`],
      ["Attempt", (row) => row.attempt, "number"], ["Node", (row) => nodeLink(row.node)], ["Process", (row) => workerLink(row.node, row.pid), "number"],
      ["Took", (row) => seconds(row.seconds), "number"], ["Result", (row) => size(row.bytes), "number"],
      ["Error", (row) => row.error, "text"],
    ]}/>
    ${answer && answer.matched > rows.length && limit < MANY ? html`<button onClick=${() => setLimit(MANY)}>Show up to ${count(MANY)}</button>` : ""}`;
}

// A task's name as messages show it: the begin of its process, and its number there.
const short = (id) => `${id.slice(8, 14)}-${parseInt(id.slice(20), 16)}`;

const OBJECTS = [
  ["Object", (row) => html`<a href=${`#/task/${row.id || row.task}`}>${row.short}</a>`], ["State", (row) => row.state],
  ["Size", (row) => size(row.bytes), "number"], ["Where", (row) => placeLink(row.where)],
];

export function Task({ rest }) {
  const { answer, error } = useAnswer(`/api/task?id=${encodeURIComponent(rest[0] || "")}`, 3000);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  const over = ["DONE", "FAILED", "CANCELLED"].includes(answer.state);
  return html`
    <div class="card"><h2>${answer.name} <span class="label">${answer.short}</span></h2>
      <p><span class=${answer.state}>${answer.state}</span></p>
      ${(answer.why || []).map((line) => html`<p key=${line.task}>${taskLink(line.task, line.short)} ${line.name}: ${line.says}
        ${line.advice && html`<br/><span class="label">${line.advice}</span>`}</p>`)}
      <p class="tools">job ${jobLink(answer.job)}${answer.plans.map((plan) => html` · plan ${planLink(plan.id, plan.label || plan.short)}`)} · ${graphLink(answer.id, "in its graph")} · ${logsLink(answer.id)}
        ${over ? "" : html` · ${profileLink(answer.id)} <${Act} what="cancel" id=${answer.id} label="cancel"/>`}</p>
    </div>
    ${answer.traceback && html`<div class="card"><h2>Traceback${answer.traceback_of !== answer.id && html` of ${taskLink(answer.traceback_of, short(answer.traceback_of))}, which failed ${answer.traceback_of === answer.origin ? "first" : "at the same place"}`}</h2><pre tabindex="0">${answer.traceback}</pre></div>`}
    <${Table} sparse caption="What happened" rows=${answer.steps} empty="Its events are gone, or it has just begun." columns=${[
      ["At", (step) => exactly(step.at)], ["What", (step) => step.what], ["By", (step) => (step.by ? taskLink(step.by, short(step.by)) : "")], ["Attempt", (step) => step.attempt, "number"],
      ["Node", (step) => nodeLink(step.node)], ["Process", (step) => workerLink(step.node, step.pid), "number"],
      ["Took", (step) => seconds(step.seconds), "number"], ["Size", (step) => size(step.bytes), "number"], ["Error", (step) => step.error && step.error.text, "text"],
    ]}/>
    ${answer.inputs && answer.inputs.length ? html`<${Table} caption="Inputs" rows=${answer.inputs} empty="" columns=${OBJECTS}/>` : ""}
    ${answer.outputs && answer.outputs.length ? html`<${Table} caption="Outputs" rows=${answer.outputs} empty="" columns=${OBJECTS}/>` : ""}
    <details class="card"><summary>Everything that is known</summary><pre tabindex="0">${JSON.stringify(answer, null, 2)}</pre></details>`;
}
