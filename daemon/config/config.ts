import { z } from 'zod';
import { CooeeError } from '../../protocols/interface/index.ts';
import { multiaddrText } from '../../protocols/wire/index.ts';
import { webhooksSchema } from './webhooks.ts';

const CONFIG_BYTES_MAX = 64 * 1024;

/** Every setting: docs/config.md tells meaning, unit, default and where the number came from. */
export const configSchema = z.strictObject({
  /** Multiaddrs to listen on. */
  listen: z.array(multiaddrText).min(1).max(8).optional(),
  /** Whether members are looked for on the local network. */
  mdns: z.boolean().default(true),
  /** Whether members that cannot dial each other may meet at this node. */
  relay: z.boolean().default(false),
  /** Whether this node is reached, and reaches others, through members that relay. */
  useRelays: z.boolean().default(true),
  /** Group of the agent socket; it is 0600 without one. */
  agentGroup: z.string().min(1).max(64).optional(),
  /** Kind of this node's age identity. */
  seal: z.enum(['hybrid', 'x25519']).default('hybrid'),
  /**
   * `auto`: models that are found on this host are enrolled by themselves; `manual`: only what is
   * asked for.
   */
  enrol: z.enum(['auto', 'manual']).default('auto'),
  /** Address of Ollama; false = do not ask. */
  ollama: z.union([z.url().max(256), z.literal(false)]).optional(),
  /** Models of this host besides those that are found. */
  models: z.array(z.string().min(1).max(255)).max(256).default([]),
  /** How often a node shows that its agents are there. */
  beatMs: z.int().min(1_000).max(300_000).default(30_000),
  /** How long a node's agents count as there without a beat. */
  leaseMs: z.int().min(3_000).max(900_000).default(90_000),
  /** Entries of the log from one snapshot of the state to the next; the same on all members. */
  snapshotEveryEntries: z.int().min(8).max(1_048_576).default(8_192),
  /** How long a voter may be out of reach before its seat goes to another member. */
  voterAwayMs: z.int().min(1_000).max(86_400_000).default(600_000),
  /** Who is told of calls for human help. */
  webhooks: webhooksSchema.default([]),
  logLevel: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
});

/** The daemon's settings, defaults filled in. */
export type Config = z.output<typeof configSchema>;

/**
 * Checks the text of a configuration file; none gives the defaults.
 *
 * @param file - its path, for messages
 * @throws CooeeError ERR_CONFIG_INVALID, naming the field
 */
export function parseConfig(text: string | undefined, file?: string): Config {
  const invalid = (message: string, path: string): CooeeError => invalidOf(file, message, path);
  let value: unknown = {};
  if (text !== undefined) {
    if (text.length > CONFIG_BYTES_MAX) throw invalid('the file is too large', '');
    try {
      value = JSON.parse(text);
    } catch {
      // What the parser says shows a piece of the text, and that may be a secret.
      throw invalid('not JSON', '');
    }
  }
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(issue?.message ?? 'not valid', issue?.path.join('.') ?? '');
  }
  if (parsed.data.leaseMs < 2 * parsed.data.beatMs) {
    throw invalid('must be at least twice beatMs, or one lost beat reaps a node', 'leaseMs');
  }
  return parsed.data;
}

function invalidOf(file: string | undefined, message: string, path: string): CooeeError {
  const where = path === '' ? '' : `${path}: `;
  const what = file === undefined ? 'the configuration' : `the configuration ${file}`;
  return new CooeeError('ERR_CONFIG_INVALID', `${what} is not valid: ${where}${message}`, {
    details: { path, ...(file === undefined ? {} : { file }) },
  });
}
