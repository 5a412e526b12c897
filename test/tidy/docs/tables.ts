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
    'What exceeds a limit gets a typed error ([errors.md](errors.md)) and leaves nothing',
    'half-done.',
    '',
    '| limit | value | meaning | code |',
    '|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

/** `64 KiB (65,536 bytes)`, `3 s (3,000 ms)`, `16`: the unit stands in the name. */
function showValue(name: string, value: number): string {
  const plain = value.toLocaleString('en-US');
  if (/Bytes/.test(name)) {
    if (value % (KIB * KIB) === 0) return `${value / KIB / KIB} MiB (${plain} bytes)`;
    return value % KIB === 0 ? `${value / KIB} KiB (${plain} bytes)` : `${plain} bytes`;
  }
  if (/Ms(Max|Min|Default)?$/.test(name)) {
    if (value >= 60_000 && value % 60_000 === 0) return `${value / 60_000} min (${plain} ms)`;
    return value % 1_000 === 0 ? `${value / 1_000} s (${plain} ms)` : `${plain} ms`;
  }
  return plain;
}

function tableRow(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
}
