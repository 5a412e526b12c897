import type { z } from 'zod';

/** True only for what the schema takes as it is: the value itself is the outcome then. */
export type PlainCheck = (value: unknown) => boolean;

/** What is read of a schema: the definitions that zod keeps for those who build on it. */
interface Definition {
  readonly type?: string;
  readonly check?: string;
  readonly checks?: readonly Defined[];
  readonly [field: string]: unknown;
}

interface Defined {
  readonly _zod: { readonly def: Definition };
}

const known = new WeakMap<object, PlainCheck | null>();

/**
 * The same as a schema, for values that are right: without a copy of the value, or of any of what
 * zod keeps to tell what is wrong. A false says nothing; the schema has the word then. Undefined
 * for a schema that changes what it is given, or with a part that is not known here.
 */
export function plainCheckOf(schema: z.ZodType): PlainCheck | undefined {
  let check = known.get(schema);
  if (check === undefined) {
    check = checkOf(schema as unknown as Defined) ?? null;
    known.set(schema, check);
  }
  return check ?? undefined;
}

function checkOf({ _zod: { def } }: Defined): PlainCheck | undefined {
  const base = baseOf(def);
  const checks = (def.checks ?? []).map(({ _zod }) => _zod.def);
  // A schema such as z.int() is a check of itself.
  if (def.check !== undefined && def.type !== 'custom') checks.push(def);
  const further = allOf(checks.map(furtherOf));
  if (base === undefined || further === undefined) return undefined;
  return further.length === 0 ? base : (value) => base(value) && passes(further, value);
}

function passes(checks: readonly PlainCheck[], value: unknown): boolean {
  for (const check of checks) if (!check(value)) return false;
  return true;
}

/** Undefined when one of them is. */
function allOf(checks: readonly (PlainCheck | undefined)[]): PlainCheck[] | undefined {
  return checks.includes(undefined) ? undefined : (checks as PlainCheck[]);
}

function baseOf(def: Definition): PlainCheck | undefined {
  switch (def.type) {
    case 'string':
      return (value) => typeof value === 'string';
    case 'number':
      return Number.isFinite;
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'unknown':
      return () => true;
    case 'literal': {
      const values = def['values'] as readonly unknown[];
      return (value) => values.includes(value);
    }
    case 'enum': {
      const values: readonly unknown[] = Object.values(def['entries'] as object);
      return (value) => values.includes(value);
    }
    case 'custom': {
      const test = def['fn'] as PlainCheck | undefined;
      return test === undefined ? undefined : (value) => Boolean(test(value));
    }
    case 'array':
      return listOf(checkOf(def['element'] as Defined));
    case 'object':
      return fieldsOf(def);
    case 'record':
      return recordOf(checkOf(def['keyType'] as Defined), checkOf(def['valueType'] as Defined));
    case 'union':
      return choiceOf(def['options'] as readonly Defined[]);
    default:
      return undefined;
  }
}

/** The checks that stand behind a type. */
function furtherOf(def: Definition): PlainCheck | undefined {
  switch (def.check) {
    case 'min_length': {
      const min = def['minimum'] as number;
      return (value) => (value as { length: number }).length >= min;
    }
    case 'max_length': {
      const max = def['maximum'] as number;
      return (value) => (value as { length: number }).length <= max;
    }
    case 'greater_than': {
      const { value: min, inclusive } = def as unknown as { value: number; inclusive: boolean };
      return (value) => (inclusive ? (value as number) >= min : (value as number) > min);
    }
    case 'less_than': {
      const { value: max, inclusive } = def as unknown as { value: number; inclusive: boolean };
      return (value) => (inclusive ? (value as number) <= max : (value as number) < max);
    }
    case 'number_format':
      return def['format'] === 'safeint' ? Number.isSafeInteger : undefined;
    case 'string_format': {
      const pattern = def['pattern'] as RegExp | undefined;
      // One that is global remembers where it was.
      if (def['format'] !== 'regex' || pattern === undefined || pattern.global) return undefined;
      return (value) => pattern.test(value as string);
    }
    case 'custom': {
      const test = def['fn'] as PlainCheck | undefined;
      return test === undefined ? undefined : (value) => Boolean(test(value));
    }
    default:
      return undefined;
  }
}

function listOf(element: PlainCheck | undefined): PlainCheck | undefined {
  if (element === undefined) return undefined;
  return (value) => {
    if (!Array.isArray(value)) return false;
    for (const item of value) if (!element(item)) return false;
    return true;
  };
}

/** Of a union the first that takes a value counts: so each of them must be plain. */
function choiceOf(options: readonly Defined[]): PlainCheck | undefined {
  const checks = allOf(options.map(checkOf));
  return checks && ((value) => checks.some((check) => check(value)));
}

/** Objects that may have no other fields than those of the schema. */
function fieldsOf(def: Definition): PlainCheck | undefined {
  const rest = def['catchall'] as Defined | undefined;
  if (rest?._zod.def.type !== 'never') return undefined;
  const fields: { name: string; check: PlainCheck; isOptional: boolean }[] = [];
  for (const [name, field] of Object.entries(def['shape'] as Record<string, Defined>)) {
    const isOptional = field._zod.def.type === 'optional';
    const check = checkOf(isOptional ? (field._zod.def['innerType'] as Defined) : field);
    if (check === undefined) return undefined;
    fields.push({ name, check, isOptional });
  }
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const given = value as Record<string, unknown>;
    let count = 0;
    for (const { name, check, isOptional } of fields) {
      const field = given[name];
      if (field === undefined) {
        if (!isOptional || name in given) return false;
      } else if (check(field)) count++;
      else return false;
    }
    for (const _ in given) count--;
    return count === 0;
  };
}

/** Objects with any fields. */
function recordOf(ofKey?: PlainCheck, ofValue?: PlainCheck): PlainCheck | undefined {
  if (ofKey === undefined || ofValue === undefined) return undefined;
  return (value) => {
    if (typeof value !== 'object' || value === null) return false;
    if (Object.getPrototypeOf(value) !== Object.prototype) return false;
    for (const key in value) {
      // The schema leaves that one out.
      if (key === '__proto__' || !ofKey(key)) return false;
      if (!ofValue((value as Record<string, unknown>)[key])) return false;
    }
    return true;
  };
}
