// Failures, those that are the same together.
import { clock, count, html, Table, taskLink, Trouble, useAnswer } from "../parts.js";

export function Errors({ moment, rest }) {
  const job = rest[0] || (moment.jobs[0] && moment.jobs[0].job) || "";
  const { answer, error } = useAnswer(`/api/errors?job=${job}`, 3000);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  return html`<${Table} caption=${`Failures of job ${job}`} rows=${answer.errors} empty="Nothing has failed." columns=${[
    ["Times", (row) => count(row.count), "number"], ["Function", (row) => row.name], ["Kind", (row) => row.category],
    ["Says", (row) => row.text, "text"], ["Last", (row) => clock(row.last)],
    ["Tasks", (row) => row.tasks.slice(0, 5).map((task) => html`${taskLink(task.id, task.short)} `)],
  ]}/>`;
}
