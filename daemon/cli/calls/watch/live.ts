import { isCooeeError, toError } from '../../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../../protocols/interface/text/sanitize.ts';
import type { CliContext } from '../../context.ts';
import { withProgress } from '../../progress.ts';
import type { CliClient } from '../../socket-client.ts';
import { COMMITTED } from '../../write.ts';
import { claim } from '../act.ts';
import { followCalls } from './feed.ts';
import { emptyModel, type LiveEffect, type LiveInput, type LiveModel, step } from './model.ts';
import { Terminal } from './terminal.ts';
import { render } from './view.ts';

/** How often the times that are left are drawn anew. */
const DRAW_MS = 1_000;

/** `cooee calls --watch` on a terminal: until q is pressed. */
export async function runLive(context: CliContext, human: string): Promise<number> {
  const client = await context.client();
  const { node } = await client.call('getStatus');
  const live = new Live(context, { client, me: { human, peer: node.peer } });
  return await live.run();
}

class Live {
  readonly #context: CliContext;
  readonly #client: CliClient;
  readonly #terminal: Terminal;
  readonly #ended = Promise.withResolvers<number>();
  readonly #abort = new AbortController();
  #model: LiveModel;
  /** Effects run one after the other. */
  #turn: Promise<void> = Promise.resolve();
  /** Effects that are not over. */
  #underWay = 0;

  constructor(
    context: CliContext,
    init: { readonly client: CliClient; readonly me: LiveModel['me'] },
  ) {
    this.#context = context;
    this.#client = init.client;
    this.#terminal = new Terminal(context.host);
    this.#model = emptyModel(init.me);
  }

  /** The terminal is as it was when this is over, whatever ends it. */
  async run(): Promise<number> {
    const exit = await this.#show();
    await this.#settle();
    return exit;
  }

  async #show(): Promise<number> {
    const { host } = this.#context;
    const stopListening = host.onEnd?.(() => this.#terminal.close());
    this.#terminal.open();
    const timer = setInterval(() => this.#draw(), DRAW_MS);
    try {
      this.#draw();
      this.#follow();
      this.#listen();
      return await this.#ended.promise;
    } finally {
      clearInterval(timer);
      this.#abort.abort();
      this.#terminal.close();
      stopListening?.();
    }
  }

  /** An answer that was sent before the end is not left on its way, nor what came of it untold. */
  async #settle(): Promise<void> {
    if (this.#underWay === 0) return;
    await withProgress(this.#context.host.stderr, 'one moment', () => this.#turn);
    const note = sanitizeLine(this.#model.note);
    if (note !== '') this.#context.remark(`cooee: ${note}\n`);
  }

  #follow(): void {
    const follow = async (): Promise<void> => {
      const { host } = this.#context;
      const { signal } = this.#abort;
      for await (const news of followCalls(host, this.#client, signal)) this.#take(news);
    };
    follow().catch((error: unknown) => this.#ended.reject(error));
  }

  #listen(): void {
    const listen = async (): Promise<void> => {
      for await (const key of this.#terminal.keys()) {
        if (this.#abort.signal.aborted) return;
        this.#take({ type: 'key', key });
      }
      this.#ended.resolve(0);
    };
    listen().catch((error: unknown) => this.#ended.reject(error));
  }

  #take(input: LiveInput): void {
    const { model, effect } = step(this.#model, input);
    this.#model = model;
    this.#draw();
    if (effect?.type === 'quit') this.#ended.resolve(0);
    else if (effect !== undefined) {
      this.#underWay += 1;
      this.#turn = this.#turn.then(async () => await this.#carryOut(effect));
    }
  }

  async #carryOut(effect: Exclude<LiveEffect, { type: 'quit' }>): Promise<void> {
    try {
      this.#take({ type: 'told', note: 'one moment' });
      this.#take(await this.#ask(effect));
    } catch (error) {
      const { message } = toError(error);
      const hint = isCooeeError(error) && error.retryable ? '; try again' : '';
      this.#take({ type: 'told', note: message + hint });
    } finally {
      this.#underWay -= 1;
    }
  }

  async #ask(effect: Exclude<LiveEffect, { type: 'quit' }>): Promise<LiveInput> {
    if (effect.type === 'answer') return await this.#answer(effect);
    const client = this.#client;
    const { call } = effect;
    const params = { id: call.id };
    const by = this.#model.me.human;
    if (effect.type === 'read') {
      const { context, ...row } = await client.call('getCall', { params });
      return { type: 'read', call: row, context };
    }
    if (effect.type === 'claim') {
      await claim(client, call, by);
      return { type: 'told', note: 'the call is yours for 15 minutes; a answers it' };
    }
    const body = { fence: call.fence ?? 1, by };
    await client.call('releaseCall', { params, query: COMMITTED, body });
    return { type: 'told', note: 'the call is open again' };
  }

  async #answer({ call, text }: Extract<LiveEffect, { type: 'answer' }>): Promise<LiveInput> {
    const client = this.#client;
    const by = this.#model.me.human;
    // The fence that the claim had when the answer was sent, or a new one.
    const { fence } = call.state === 'open' ? await claim(client, call, by) : call;
    const body = { fence: fence ?? 1, text, by };
    const params = { id: call.id };
    const { state } = await client.call('answerCall', { params, query: COMMITTED, body });
    const note = state === 'committed' ? 'answered' : 'accepted, but not committed yet';
    return { type: 'told', note };
  }

  #draw(): void {
    const nowMs = this.#context.host.nowMs();
    this.#terminal.draw(render(this.#model, { ...this.#terminal.size, nowMs }));
  }
}
