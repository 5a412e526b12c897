import type { Operation } from '../../history/index.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The value as an object; an empty one when it is none. */
export function fieldsOf(value: unknown): Fields {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Fields) : {};
}

/** A text of an object; null when it has none by that name. */
export function textIn(value: unknown, name: string): string | null {
  const field = fieldsOf(value)[name];
  return typeof field === 'string' ? field : null;
}

/** A number of an object; null when it has none by that name. */
export function numberIn(value: unknown, name: string): number | null {
  const field = fieldsOf(value)[name];
  return typeof field === 'number' ? field : null;
}

/** The code with which an operation was refused; empty when it was not. */
export const codeOf = ({ ok, output }: Operation): string =>
  ok === false ? (textIn(output, 'code') ?? '') : '';
