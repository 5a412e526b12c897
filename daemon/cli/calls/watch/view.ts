import { sanitizeLine, sanitizeText } from '../../../../protocols/interface/text/sanitize.ts';
import type { CallRow } from '../../../api/routes/index.ts';
import { displayWidth, fitWidth, padWidth } from '../../format/width.ts';
import { askerOf, byOf, timeLeft } from '../format.ts';
import { isMine, type LiveModel, selectedCall } from './model.ts';

/** The terminal that is drawn on. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly nowMs: number;
}

const LIST_KEYS = 'up/down move · enter read · c claim · a answer · r release · q quit';
const READ_KEYS = 'up/down scroll · c claim · a answer · r release · q back';
const TYPE_KEYS = 'enter send · escape leave it';
/** Lines of the selected call below the list, a rule included. */
const DETAIL_ROWS = 7;

/**
 * The live list as lines, no more than fit, none wider than the screen. It needs no colour: states
 * are words, and the selected call has a mark before it. Everything that others wrote is sanitised.
 */
export function render(model: LiveModel, screen: Screen): readonly string[] {
  const top = [headLine(model), ''];
  const bottom = ['', ...promptLines(model, screen)];
  const room = Math.max(0, screen.rows - top.length - bottom.length);
  const middle =
    model.reading === undefined ? listLines(model, screen, room) : readLines(model, screen, room);
  const filled = [...middle, ...Array<string>(Math.max(0, room - middle.length)).fill('')];
  return [...top, ...filled, ...bottom]
    .slice(0, screen.rows)
    .map((line) => fitWidth(line, screen.columns));
}

function headLine({ calls, me }: LiveModel): string {
  const open = calls.filter(({ state }) => state === 'open').length;
  return `Calls: ${open} open, ${calls.length - open} claimed. You are ${sanitizeLine(me.human)}.`;
}

function promptLines(model: LiveModel, { columns }: Screen): readonly string[] {
  const { typing, note, reading } = model;
  if (typing === undefined) {
    return [sanitizeLine(note), reading === undefined ? LIST_KEYS : READ_KEYS];
  }
  const text = tailOf(sanitizeLine(typing.text), Math.max(8, columns - 10));
  return [`Answer: ${text}_`, note === '' ? TYPE_KEYS : sanitizeLine(note)];
}

function listLines(model: LiveModel, screen: Screen, room: number): readonly string[] {
  if (model.calls.length === 0) return ['No call is open. This list shows the next one by itself.'];
  const detail = detailLines(model, screen).slice(0, Math.max(0, Math.min(DETAIL_ROWS, room - 4)));
  const rows = Math.max(1, room - detail.length - 1);
  const at = Math.max(
    0,
    model.calls.findIndex(({ id }) => id === model.selected),
  );
  // The selected call stays in sight.
  const first = Math.max(0, Math.min(at - Math.floor(rows / 2), model.calls.length - rows));
  const shown = model.calls.slice(first, first + rows);
  const titles = rowText(['STATE', 'SEVERITY', 'LEFT', 'ASKER', 'BY', 'QUESTION']);
  return [`  ${titles}`, ...shown.map((call) => rowLine(model, call, screen)), ...detail];
}

function rowLine(model: LiveModel, call: CallRow, { nowMs }: Screen): string {
  const mark = call.id === model.selected ? '> ' : '  ';
  const by = isMine(model, call) ? 'you' : (byOf(call) ?? '-');
  const left = timeLeft(call, nowMs);
  const texts = [call.state, call.severity, left, askerOf(call), by, call.question];
  return mark + rowText(texts);
}

const WIDTHS = [7, 8, 7, 8, 12];

function rowText(texts: readonly string[]): string {
  return texts
    .map((text, at) => {
      const width = WIDTHS[at];
      const safe = sanitizeLine(text);
      return width === undefined ? safe : padWidth(fitWidth(safe, width), width);
    })
    .join('  ');
}

function detailLines(model: LiveModel, { columns }: Screen): readonly string[] {
  const call = selectedCall(model);
  if (call === undefined) return [];
  const options = call.options.map(sanitizeLine).join(' | ');
  return [
    '-'.repeat(Math.min(columns, 72)),
    ...wrap(sanitizeText(call.question), columns).slice(0, 4),
    ...(options === '' ? [] : [`Suggested: ${options}`]),
    `Id: ${call.id}`,
  ];
}

function readLines(model: LiveModel, { columns }: Screen, room: number): readonly string[] {
  const { reading, scrolled } = model;
  if (reading === undefined) return [];
  const { call, context } = reading;
  const lines = [
    `${call.severity}, ${call.state}, asked by ${sanitizeLine(askerOf(call))}`,
    `Deadline ${call.deadline}, then: ${call.onTimeout}`,
    '',
    ...wrap(sanitizeText(call.question), columns),
    ...(context === '' ? [] : ['', ...wrap(sanitizeText(context), columns)]),
    ...(call.options.length === 0 ? [] : ['', 'Suggested answers:']),
    ...call.options.flatMap((it) => wrap(`- ${sanitizeLine(it)}`, columns)),
  ];
  return lines.slice(Math.min(scrolled, Math.max(0, lines.length - room)));
}

/** Lines no wider than that, broken between words where there are any. */
export function wrap(text: string, columns: number): readonly string[] {
  return text.split('\n').flatMap((line) => wrapLine(line.replaceAll('\t', '  '), columns));
}

function wrapLine(line: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    const longer = current === '' ? word : `${current} ${word}`;
    if (displayWidth(longer) <= columns) {
      current = longer;
      continue;
    }
    if (current !== '') lines.push(current);
    const pieces = pieceByPiece(word, columns);
    lines.push(...pieces.slice(0, -1));
    current = pieces.at(-1) ?? '';
  }
  return [...lines, current];
}

function pieceByPiece(word: string, columns: number): readonly string[] {
  const pieces: string[] = [];
  let piece = '';
  let width = 0;
  for (const symbol of word) {
    const symbolWidth = displayWidth(symbol);
    if (piece !== '' && width + symbolWidth > columns) {
      pieces.push(piece);
      piece = '';
      width = 0;
    }
    piece += symbol;
    width += symbolWidth;
  }
  return [...pieces, piece];
}

/** The end of a text that is being typed. */
function tailOf(text: string, columns: number): string {
  let tail = '';
  let width = 0;
  for (const symbol of [...text].reverse()) {
    width += displayWidth(symbol);
    if (width > columns) break;
    tail = symbol + tail;
  }
  return tail;
}
