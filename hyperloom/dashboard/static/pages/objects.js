// What is kept: by creator, by holder, the largest.
import { count, html, size, Table, Trouble, useAnswer } from "../parts.js";

export function Objects({ moment, rest }) {
  const job = rest[0] || (moment.jobs[0] && moment.jobs[0].job) || "";
  const { answer, error } = useAnswer(`/api/objects?job=${job}`, 3000);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  return html`
    <${Table} caption=${`Kept by job ${job}, by creator`} rows=${answer.created} rowKey=${(row) => row.name} empty="It keeps nothing." columns=${[
      ["Creator", (row) => row.name], ["Objects", (row) => count(row.count), "number"],
      ["Bytes", (row) => size(row.bytes), "number"], ["In stores", (row) => size(row.in_store), "number"],
      ["Failures", (row) => count(row.failed), "number"],
    ]}/>
    <${Table} caption="Held by" rows=${answer.held} rowKey=${(row) => row.process} empty="Nobody holds anything." columns=${[
      ["Process", (row) => `${row.is} ${row.short}`], ["Node", (row) => (row.node || "").slice(0, 8)],
      ["Objects", (row) => count(row.count), "number"], ["Bytes", (row) => size(row.bytes), "number"],
    ]}/>
    <${Table} caption="The largest" rows=${answer.objects} rowKey=${(row) => row.id} empty="There is none." columns=${[
      ["Object", (row) => html`<a href=${`#/task/${row.id}`}>${row.short}</a>`], ["Creator", (row) => row.name],
      ["Size", (row) => size(row.bytes), "number"], ["Where", (row) => (row.where || "").slice(0, 20)],
      ["Holders", (row) => count(row.holders), "number"], ["State", (row) => row.state],
    ]}/>`;
}
