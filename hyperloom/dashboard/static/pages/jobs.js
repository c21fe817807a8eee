// Jobs, and how far each function of one is.
import { clock, count, html, seconds, Table, Track, Trouble, useAnswer } from "../parts.js";

function Names({ job }) {
  const { answer, error } = useAnswer(`/api/job?job=${job}`);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return null;
  const rows = [...answer.names].sort((a, b) => b.submitted - a.submitted);
  return html`<${Table} caption=${`Functions of job ${job}`} rows=${rows} rowKey=${(row) => row.name}
    empty="It has submitted nothing yet." columns=${[
      ["Function", (row) => row.name],
      ["Progress", (row) => html`<${Track} done=${row.done} failed=${row.failed} total=${row.submitted}/>`],
      ["Submitted", (row) => count(row.submitted), "number"], ["Done", (row) => count(row.done), "number"],
      ["Left", (row) => count(row.left), "number"], ["Failed", (row) => count(row.failed), "number"],
      ["Tried again", (row) => count(row.retried), "number"], ["Takes", (row) => seconds(row.mean_s), "number"],
      ["", (row) => html`<a href=${`#/tasks/${job}/${encodeURIComponent(row.name)}`}>tasks</a>`],
    ]}/>`;
}

export function Jobs({ moment, rest }) {
  const chosen = rest[0] || (moment.jobs[0] && moment.jobs[0].job);
  return html`
    ${chosen && html`<${Names} job=${chosen}/>`}
    <${Table} caption="Jobs" rows=${moment.jobs} rowKey=${(job) => job.job} empty="No job is known."
      columns=${[
        ["Job", (job) => html`<a href=${`#/jobs/${job.job}`} aria-current=${job.job === chosen ? "true" : null}>${job.job}</a>`],
        ["State", (job) => html`<span class=${job.state === "open" ? "good" : "quiet"}>${job.state}</span>`],
        ["Program", (job) => job.program], ["Opened", (job) => clock(job.opened)], ["Ended", (job) => clock(job.ended)],
        ["Submitted", (job) => count(job.submitted), "number"], ["Left", (job) => count(job.left), "number"],
        ["Failed", (job) => count(job.failed), "number"],
        ["", (job) => html`<a href=${`#/stream/${job.job}`}>stream</a> · <a href=${`#/errors/${job.job}`}>errors</a> · <a href=${`#/objects/${job.job}`}>objects</a>`],
      ]}/>`;
}
