import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import { displayWidth, fitWidth, padWidth } from './width.ts';

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** The text of the cell; it may come from another node: it is sanitised here. */
  readonly text: (row: Row) => string;
  /**
   * Cells are cut at this many columns. Ids, tokens and paths, which people copy, have no such
   * limit.
   */
  readonly columnsMax?: number;
  /** Adds colour to the finished cell. */
  readonly style?: (cell: string, row: Row) => string;
}

/** Options of {@link formatTable}. */
export interface TableOptions {
  /** Adds colour to the titles. */
  readonly titleStyle?: (title: string) => string;
}

/**
 * Rows as aligned columns, two spaces apart, each line closed by a line feed. No rows = no text.
 */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions = {},
): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row) => columns.map((column) => cellText(column, row)));
  // One by one: as arguments of one call some hundred thousand rows are too many.
  const widths = columns.map((column, at) =>
    cells.reduce((most, line) => Math.max(most, displayWidth(line[at] ?? '')), column.title.length),
  );
  const pad = (text: string, at: number): string =>
    at === columns.length - 1 ? text : padWidth(text, widths[at] ?? 0);
  const titles = columns.map((column, at) => pad(column.title, at)).join('  ');
  const lines = rows.map((row, line) =>
    columns
      .map((column, at) => {
        const padded = pad(cells[line]?.[at] ?? '', at);
        return column.style === undefined ? padded : column.style(padded, row);
      })
      .join('  ')
      .trimEnd(),
  );
  return `${[options.titleStyle?.(titles) ?? titles, ...lines].join('\n')}\n`;
}

/** Label and value lines: labels aligned, further values of a label below its first one. */
export function formatFields(
  fields: readonly (readonly [label: string, values: readonly string[]])[],
  labelStyle: (label: string) => string = (label) => label,
): string {
  const width = Math.max(0, ...fields.map(([label]) => label.length));
  let text = '';
  for (const [label, values] of fields) {
    values.forEach((value, at) => {
      const head = padWidth(at === 0 ? label : '', width);
      text += `${labelStyle(head)}  ${value}`.trimEnd();
      text += '\n';
    });
  }
  return text;
}

function cellText<Row>(column: Column<Row>, row: Row): string {
  const text = sanitizeLine(column.text(row));
  const shown = text === '' ? '-' : text;
  return column.columnsMax === undefined ? shown : fitWidth(shown, column.columnsMax);
}
