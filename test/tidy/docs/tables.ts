import type { ErrorRow } from '../../../protocols/interface/index.ts';
import type { PropertyFact } from '../facts.ts';

const KIB = 1024;
const NOTE = 'Generated from';

/** docs/errors.md out of the error table. */
export function renderErrors(rows: Readonly<Record<string, ErrorRow>>): string {
  const lines = Object.entries(rows).map(([code, row]) => {
    const retry = row.retryable ? 'yes' : 'no';
    return tableRow([`\`${code}\``, row.http, row.exit, retry, row.meaning, row.remedy]);
  });
  return [
    '# Errors',
    '',
    `${NOTE} protocols/interface/error-codes.ts by \`npm run docs\`; a test keeps the two equal.`,
    '',
    'Every error has a stable code: `ERR_<FOLDER>_<CONDITION>`. Programs branch on the code, never',
    'on the message. A socket answers with the HTTP status and',
    '`{"error": {"code", "message", "remedy", "retryable", "details"}}`; the command line prints',
    'message and remedy on stderr and ends with the exit code.',
    '`retry` = the unchanged request may succeed later.',
    '',
    'Exit codes: 0 ok, 1 failed, 2 usage or mangled input, 3 not there or expired or withdrawn,',
    '4 refused, 5 daemon not running, 6 temporary.',
    '',
    '| code | HTTP | exit | retry | meaning | what to do |',
    '|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

/**
 * docs/limits.md out of the limits table.
 *
 * @throws Error when a limit has no comment to take its meaning from
 */
export function renderLimits(
  limits: Readonly<Record<string, number>>,
  properties: readonly PropertyFact[],
): string {
  const comments = new Map(properties.map(({ name, comment }) => [name, comment]));
  const lines = Object.entries(limits).map(([name, value]) => {
    const comment = comments.get(name);
    if (comment === undefined) throw new Error(`the limit ${name} has no comment`);
    const code = /ERR_[A-Z0-9_]+/.exec(comment)?.[0];
    const meaning = comment.replace(/\s*Code:.*$/, '');
    return tableRow([
      `\`${name}\``,
      showValue(name, value),
      meaning,
      code === undefined ? '' : `\`${code}\``,
    ]);
  });
  return [
    '# Limits',
    '',
    `${NOTE} protocols/interface/limits.ts by \`npm run docs\`; a test keeps the two equal.`,
    '',
    'What exceeds a limit gets the typed error of its row ([errors.md](errors.md)) and leaves',
    'nothing half-done. A row without a code refuses no request: what is over it waits, is cut,',
    'is forgotten or is not taken, as the row or the page of its protocol says.',
    '',
    '| limit | value | meaning | code |',
    '|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

const ROUTES_START = '<!-- routes: start, `npm run docs` writes them -->';
const ROUTES_END = '<!-- routes: end -->';

/** What a row of the table of routes tells. */
export interface RouteRow {
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly rights: 'operator' | 'agent';
  readonly acts: boolean;
}

/**
 * docs/api.md with the table of routes as the code has it; the rest of the page stays.
 *
 * @throws Error when the page has no place for it
 */
export function placeRoutes(page: string, routes: Readonly<Record<string, RouteRow>>): string {
  const start = page.indexOf(ROUTES_START);
  const end = page.indexOf(ROUTES_END);
  if (start < 0 || end < start) throw new Error('docs/api.md has no place for the routes');
  const rows = Object.entries(routes).map(([name, { method, path, summary, rights, acts }]) => {
    const who = rights === 'operator' ? 'operator' : acts ? 'both; agents with a ticket' : 'both';
    return tableRow([`\`${name}\``, `\`${method} ${path}\``, summary, who]);
  });
  const table = ['| name | route | does | socket |', '| --- | --- | --- | --- |', ...rows];
  const placed = [ROUTES_START, '', ...table, '', ''].join('\n');
  return page.slice(0, start) + placed + page.slice(end);
}

/** `64 KiB (65,536 bytes)`, `3 s (3,000 ms)`, `16`: the unit stands in the name. */
function showValue(name: string, value: number): string {
  const plain = value.toLocaleString('en-US');
  if (/Bytes/.test(name)) return inUnits(value, BYTE_UNITS, `${plain} bytes`);
  if (/Ms(Max|Min|Default)?$/.test(name)) return inUnits(value, MS_UNITS, `${plain} ms`);
  return plain;
}

type Units = readonly (readonly [name: string, size: number])[];

const BYTE_UNITS: Units = [
  ['TiB', KIB ** 4],
  ['GiB', KIB ** 3],
  ['MiB', KIB ** 2],
  ['KiB', KIB],
];

const MS_UNITS: Units = [
  ['days', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** In the largest unit that it is a whole number of; one day is 24 h. */
function inUnits(value: number, units: Units, plain: string): string {
  const fits = ([name, size]: Units[number]): boolean =>
    value % size === 0 && (name !== 'days' || value > size);
  const unit = units.find(fits);
  return unit === undefined ? plain : `${value / unit[1]} ${unit[0]} (${plain})`;
}

function tableRow(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
}
