/** How the page looks: light or dark as the reader has it, one column where there is no room for two. */

/** Colours by name. Text on its ground has a contrast of at least 4.5 (a test computes it). */
export const COLOURS = {
  light: {
    ground: '#ffffff',
    raised: '#f3f5f8',
    line: '#ccd3dc',
    text: '#1b2128',
    muted: '#505a66',
    link: '#0b4fb8',
    on: '#ffffff',
    get: '#0b4fb8',
    post: '#14622f',
    put: '#7d4200',
    patch: '#60369a',
    delete: '#a61b14',
  },
  dark: {
    ground: '#14181d',
    raised: '#1e242b',
    line: '#3b4550',
    text: '#e5e9ee',
    muted: '#a7b1bd',
    link: '#8ebbff',
    on: '#10141a',
    get: '#8ebbff',
    post: '#7fd29a',
    put: '#f0b36b',
    patch: '#c5a5f5',
    delete: '#ff9d94',
  },
} as const;

const variables = (colours: Readonly<Record<string, string>>): string =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');

const methods = ['get', 'post', 'put', 'patch', 'delete']
  .map((method) => `.${method}{background:var(--${method})}`)
  .join('\n');

export const STYLE = `
:root{color-scheme:light dark;${variables(COLOURS.light)}}
@media (prefers-color-scheme:dark){:root{${variables(COLOURS.dark)}}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--ground);color:var(--text);font:1rem/1.55 system-ui,sans-serif}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,pre:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:1rem;background:var(--ground);padding:.5rem 1rem;z-index:1}
header,main,footer,nav{padding:1rem;min-width:0}
header{border-bottom:1px solid var(--line)}
footer{border-top:1px solid var(--line);color:var(--muted)}
header>*,footer>*{max-width:50rem}
h1,h2,h3,h4{line-height:1.25;overflow-wrap:anywhere}
h1{font-size:1.75rem;margin:.5rem 0}
h2{font-size:1.4rem;margin:0 0 .5rem}
h3{font-size:1.15rem;margin:0 0 .25rem}
h4{font-size:1rem;margin:1.25rem 0 .25rem}
main>section{margin-bottom:2.5rem}
article{border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:1rem 0}
code,pre{font-family:ui-monospace,monospace;font-size:.875em;overflow-wrap:anywhere}
pre{background:var(--raised);border:1px solid var(--line);border-radius:.375rem;padding:.75rem}
pre{overflow-x:auto;white-space:pre-wrap;margin:.5rem 0}
.route{margin:.25rem 0 .5rem;overflow-wrap:anywhere}
.route b{display:inline-block;color:var(--on);border-radius:.25rem;padding:0 .4rem;font-size:.8rem}
${methods}
.facts{color:var(--muted);margin:.25rem 0}
.type{display:block;color:var(--muted);font-weight:400;font-size:.875rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0;table-layout:fixed}
caption{text-align:left;color:var(--muted);padding-bottom:.25rem}
th,td{text-align:left;vertical-align:top;border-top:1px solid var(--line);padding:.35rem .5rem .35rem 0}
th,td{overflow-wrap:anywhere}
thead th{border-top:0;color:var(--muted);font-weight:600;font-size:.875rem}
thead th:first-child{width:42%}
tbody th{font-weight:600}
nav h2{font-size:1rem}
nav h3{font-size:.9rem;margin:1rem 0 .25rem}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.25rem 0;overflow-wrap:anywhere}
summary{cursor:pointer;padding:.35rem 0}
@media (min-width:62rem){
.columns{display:grid;grid-template-columns:17rem minmax(0,60rem);gap:1rem}
.columns>nav{position:sticky;top:0;max-height:100vh;overflow-y:auto;border-right:1px solid var(--line)}
}
@media print{nav,.skip{display:none}}
`;
