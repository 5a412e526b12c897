import type { ToolAnnotations } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { CooeeError, sanitizeValue } from '../../protocols/interface/index.ts';
import type { CooeeClient } from '../client/index.ts';
import type { EventHub } from './event-hub.ts';
import { type ObjectSchema, toToolSchema } from './schema.ts';
import { type Parts, partsText, untrustedMark, untrustedView } from './untrusted.ts';

/** What tools and resources need of a client. */
export type DaemonClient = Pick<CooeeClient, 'call' | 'watch'>;

/** What one call of a tool works with. */
export interface ToolContext {
  readonly client: DaemonClient;
  readonly events: EventHub;
  /** Token of the agent that this server acts as; undefined without a ticket. */
  ownToken(): Promise<string | undefined>;
  /** Aborted when the client takes its call back, or the server ends. */
  readonly signal: AbortSignal;
  /** Tells a client that asked for it how far the call is; heard by nobody otherwise. */
  report(message: string): void;
}

/** What {@link defineTool} takes. */
export interface ToolInit<I extends z.ZodObject, A extends z.ZodType> {
  readonly name: `cooee_${string}`;
  readonly title: string;
  /** For the model: what it does and when to use it. */
  readonly description: string;
  readonly annotations: ToolAnnotations;
  readonly input: I;
  /** The answer of the route. */
  readonly answer: A;
  /** Takes an answer apart by who wrote it; left out when all of it is the daemon's own. */
  readonly parts?: (answer: z.output<A>) => Parts;
  readonly run: (context: ToolContext, input: z.output<I>) => Promise<z.output<A>>;
}

/** One tool, ready to be listed and called. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly annotations: ToolAnnotations;
  readonly inputSchema: ObjectSchema;
  readonly outputSchema: ObjectSchema;
  /**
   * Checks the arguments and runs it.
   *
   * @throws CooeeError ERR_API_BODY for arguments that do not fit; the daemon's own errors
   */
  call(context: ToolContext, args: unknown): Promise<ToolAnswer>;
}

/** What a tool answers, cleaned and marked. */
export interface ToolAnswer {
  readonly text: string;
  readonly structured: Record<string, unknown>;
}

/** Binds an entry of the table of tools to its schemas. */
export function defineTool<I extends z.ZodObject, A extends z.ZodType>(init: ToolInit<I, A>): Tool {
  const { name, title, description, annotations } = init;
  const marked = init.parts === undefined ? {} : { untrusted: untrustedView.optional() };
  return {
    name,
    title,
    description,
    annotations: { title, ...annotations },
    inputSchema: toToolSchema(init.input),
    outputSchema: toToolSchema(z.object({ ...marked, answer: init.answer })),
    async call(context, args) {
      const input = parseInput(init.input, args ?? {});
      const answer = sanitizeValue(await init.run(context, input));
      const parts = init.parts?.(answer) ?? { written: [], own: answer };
      const untrusted = untrustedMark(parts);
      // The mark comes first, for those who read from the top.
      const structured = { ...(untrusted === undefined ? {} : { untrusted }), answer };
      return { text: partsText(parts), structured };
    },
  };
}

function parseInput<I extends z.ZodObject>(schema: I, args: unknown): z.output<I> {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  const where = path === '' ? '' : `${path}: `;
  throw new CooeeError('ERR_API_BODY', `${where}${issue?.message ?? 'not valid'}`, {
    details: { part: 'arguments', path },
    remedy: 'Call the tool again with arguments that fit its input schema.',
  });
}
