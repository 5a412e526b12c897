import { sanitizeLine, sanitizeText } from '../../../protocols/interface/text/sanitize.ts';
import type { RecordView } from '../../api/routes/index.ts';

type Json = RecordView['value'];
type Style = (text: string) => string;

const INDENT = '  ';
/** What is nested deeper is not for the eye: `--json` has it. */
const DEPTH_MAX = 8;

/**
 * A JSON value for people: a line a field, what is inside of it below, indented; of text every
 * line. Empty fields are left out. What came from others is sanitised.
 */
export function linesOfValue(value: Json, style: Style): string {
  return lines(value, { style, depth: 0 })
    .map((line) => `${line}\n`)
    .join('');
}

interface Place {
  readonly style: Style;
  readonly depth: number;
}

function lines(value: Json, place: Place): string[] {
  if (typeof value !== 'object' || value === null) return textLines(value);
  if (place.depth >= DEPTH_MAX) return ['…'];
  const inner = { ...place, depth: place.depth + 1 };
  if (Array.isArray(value)) return value.flatMap((item) => under('-', item, inner));
  return Object.entries(value).flatMap(([key, item]) => under(sanitizeLine(key), item, inner));
}

/** One line when the value has one, else the label with the lines of the value below it. */
function under(label: string, value: Json, place: Place): string[] {
  const inside = lines(value, place);
  if (inside.length === 0) return [];
  const isPlain = typeof value !== 'object' || value === null;
  if (isPlain && inside.length === 1) return [`${place.style(label)} ${inside.join('')}`];
  return [place.style(label), ...inside.map((line) => INDENT + line)];
}

function textLines(value: Json): string[] {
  if (value === null || value === '') return [];
  if (typeof value !== 'string') return [String(value)];
  return sanitizeText(value).trimEnd().split('\n');
}
