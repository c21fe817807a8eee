// The frame: where one is, and what is shown there.
import { render } from "./vendor/preact.mjs";
import { useEffect, useState } from "./vendor/hooks.mjs";
import { html, Trouble, useMoments } from "./parts.js";

// What is shown first is all that is read first; each page's script is read when it is needed, or
// a moment after the first figures.
const LATER_MS = 1500;
const page = (file, name) => ({ file, name });

const PAGES = [
  ["overview", "Overview", page("overview", "Overview")], ["jobs", "Jobs", page("jobs", "Jobs")],
  ["graph", "Graph", page("graph", "Graph")], ["stream", "Task stream", page("stream", "Stream")],
  ["tasks", "Tasks", page("tasks", "Tasks")], ["actors", "Actors", page("actors", "Actors")],
  ["nodes", "Nodes", page("nodes", "Nodes")], ["objects", "Objects", page("objects", "Objects")],
  ["errors", "Errors", page("errors", "Errors")], ["logs", "Logs", page("logs", "Logs")],
  ["profile", "Profile", page("profile", "Profile")],
];

// What has no place of its own in the navigation, but below another.
const WITHIN = [["plan", "Plan", page("plan", "Plan"), "jobs"], ["task", "Task", page("tasks", "Task"), "tasks"]];

const known = new Map();  // what shows each page whose script was read

async function read(wanted) {
  known.set(wanted, (await import(`./pages/${wanted.file}.js`))[wanted.name]);
}

async function readAll() {
  for (const [, , each] of [...PAGES, ...WITHIN]) if (!known.has(each)) await read(each);
}

// What shows a page, when its script is read; and what to say if it cannot be.
function useScript(wanted, moment) {
  const [trouble, tell] = useState({});
  const [, again] = useState(0);
  useEffect(() => {
    if (known.has(wanted)) return;
    read(wanted).then(() => again((times) => times + 1), () => tell({ [wanted.file]: "the page's server does not answer; load this page again" }));
  }, [wanted]);
  const shown = known.has(wanted) && moment !== null;
  useEffect(() => {
    if (!shown) return undefined;
    const timer = setTimeout(() => readAll().catch(() => {}), LATER_MS);  // who goes there is told
    return () => clearTimeout(timer);
  }, [shown]);
  return [known.get(wanted), trouble[wanted.file]];
}

function usePlace() {
  const read = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const [place, set] = useState(read());
  useEffect(() => {
    const moved = () => set(read());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return place;
}

function Frame() {
  const [name = "overview", ...rest] = usePlace();
  const moment = useMoments();
  const at = name || "overview";
  const [, title, wanted, within] = [...PAGES, ...WITHIN].find(([each]) => each === at) || PAGES[0];
  useEffect(() => {
    document.title = `${title} · HyperLoom`;
    const current = document.querySelector("nav a[aria-current]");
    if (current) current.scrollIntoView({ block: "nearest", inline: "nearest" });  // of a narrow window
  }, [title]);
  const [Page, unread] = useScript(wanted, moment);
  const trouble = unread || (moment && moment.error);
  const says = !moment ? "connecting …" : trouble ? "no connection" : moment.server ? `${moment.server.name} ${moment.server.version}` : "history";
  return html`
    <header>
      <a class="name" href="#/overview"><img src="/static/icon.svg" alt=""/>HyperLoom</a>
      <nav aria-label="Pages"><ul>${PAGES.map(([each, label]) => html`
        <li key=${each}><a href=${`#/${each}`} aria-current=${each === at ? "page" : each === within ? "true" : null}>${label}</a></li>`)}</ul></nav>
      <span class=${`state ${trouble ? "bad" : ""}`} role="status">${says}</span>
    </header>
    <main id="content" data-page=${at}><h1>${title}</h1><${Trouble} text=${trouble}/>
      ${Page && moment && moment.jobs ? html`<${Page} key=${at} moment=${moment} rest=${rest}/>` : html`<p class="empty">Reading …</p>`}
    </main>`;
}

render(html`<${Frame}/>`, document.getElementById("page"));
