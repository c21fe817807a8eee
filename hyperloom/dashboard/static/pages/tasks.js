// Tasks in a table; one task with its story and why it is not over.
import { useState } from "../vendor/hooks.mjs";
import { clock, count, html, seconds, size, Table, taskLink, Trouble, useAnswer } from "../parts.js";

const STATES = ["RUNNING", "HELD", "READY", "WAITING", "FAILED", "CANCELLED", "DONE"];

export function Tasks({ moment, rest }) {
  const [state, setState] = useState("");
  const [name, setName] = useState(rest[1] || "");
  const job = rest[0] || (moment.jobs[0] && moment.jobs[0].job) || "";
  const { answer, error } = useAnswer(`/api/tasks?job=${job}&state=${state}&name=${encodeURIComponent(name)}`, 3000);
  const rows = answer ? answer.tasks : [];
  const more = answer && (answer.matched > rows.length || answer.hidden)
    ? `${count(rows.length)} of ${count(answer.matched + answer.hidden)} are shown; ${count(answer.hidden)} were not looked at` : "";
  return html`<${Trouble} text=${error}/>
    <div class="tools">
      <label>State <select value=${state} onChange=${(event) => setState(event.target.value)}>
        <option value="">all</option>${STATES.map((each) => html`<option key=${each}>${each}</option>`)}</select></label>
      <label>Name has <input value=${name} onInput=${(event) => setName(event.target.value)}/></label>
      <span class="label" role="status">${more}</span>
    </div>
    <${Table} caption=${`Tasks of job ${job}`} rows=${rows} rowKey=${(row) => row.id} empty="None that match." columns=${[
      ["Task", (row) => taskLink(row.id, row.short)], ["Name", (row) => row.name],
      ["State", (row) => html`<span class=${row.state}>${row.state}</span>`],
      ["Attempt", (row) => row.attempt, "number"], ["Node", (row) => (row.node || "").slice(0, 8)], ["Process", (row) => row.pid, "number"],
      ["Took", (row) => seconds(row.seconds), "number"], ["Result", (row) => size(row.bytes), "number"],
      ["Error", (row) => row.error, "text"],
    ]}/>`;
}

export function Task({ rest }) {
  const { answer, error } = useAnswer(`/api/task?id=${encodeURIComponent(rest[0] || "")}`, 3000);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  const steps = answer.story || answer.steps || [];
  return html`
    <div class="card"><h2>${answer.name} <span class="label">${answer.short || rest[0]}</span></h2>
      <p><span class=${answer.state}>${answer.state}</span></p>
      ${(answer.why || []).map((line) => html`<p key=${line.task}>${taskLink(line.task, line.short)} ${line.name}: ${line.says}
        ${line.advice && html`<br/><span class="label">${line.advice}</span>`}</p>`)}
    </div>
    <${Table} caption="What happened" rows=${steps} empty="Its events are gone, or it has just begun." columns=${[
      ["At", (step) => clock(step.at)], ["What", (step) => step.what], ["Attempt", (step) => step.attempt, "number"],
      ["Node", (step) => (step.node || "").slice(0, 8)], ["Process", (step) => step.pid, "number"],
      ["Took", (step) => seconds(step.seconds), "number"], ["Error", (step) => step.error && step.error.text, "text"],
    ]}/>
    <details class="card"><summary>Everything that is known</summary><pre>${JSON.stringify(answer, null, 2)}</pre></details>`;
}
