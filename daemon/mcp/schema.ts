import { z } from 'zod';

/** A JSON Schema whose root is an object, as MCP wants it. */
export interface ObjectSchema {
  readonly type: 'object';
  readonly [key: string]: unknown;
}

type Json = Record<string, unknown>;

const POINTER = '#/$defs/';

/**
 * The JSON Schema of a tool's input or output. Models and validators read it, so it is kept plain:
 * definitions are written out where they are used, and regular expressions are left out, since not
 * all validators know the same ones. The server checks against the real schema.
 *
 * Outputs are described as inputs are: a newer daemon may answer with more fields.
 */
export function toToolSchema(schema: z.ZodObject): ObjectSchema {
  const { $defs = {}, ...root } = z.toJSONSchema(schema, { io: 'input' });
  return new Plain($defs as Json).of(root) as ObjectSchema;
}

class Plain {
  readonly #definitions: Json;
  /** The definitions that are being written out: inside of themselves they take anything. */
  readonly #open = new Set<string>();

  constructor(definitions: Json) {
    this.#definitions = definitions;
  }

  of(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.of(item));
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, ...own } = value as Json;
    if (typeof $ref !== 'string' || !$ref.startsWith(POINTER)) return this.#keywords(own);
    const name = $ref.slice(POINTER.length);
    if (this.#open.has(name)) return {};
    this.#open.add(name);
    const plain = this.#keywords({ ...(this.#definitions[name] as Json), ...own });
    this.#open.delete(name);
    return plain;
  }

  #keywords(schema: Json): Json {
    const kept = Object.entries(schema).filter(([key, value]) => !isLeftOut(key, value));
    // Under `properties` stand names of fields, which may be called like a keyword.
    return Object.fromEntries(
      kept.map(([key, value]) => [
        key,
        key === 'properties' ? this.#fields(value as Json) : this.of(value),
      ]),
    );
  }

  #fields(fields: Json): Json {
    return Object.fromEntries(
      Object.entries(fields).map(([name, schema]) => [name, this.of(schema)]),
    );
  }
}

function isLeftOut(key: string, value: unknown): boolean {
  if (key === 'maximum') return value === Number.MAX_SAFE_INTEGER;
  return ['$schema', 'id', 'pattern', 'propertyNames'].includes(key);
}
