/** What a reference object answers. */
export interface Answered {
  readonly ok: boolean;
  readonly output: Readonly<Record<string, unknown>>;
}

const refused = (code: string, details: Readonly<Record<string, unknown>> = {}): Answered => ({
  ok: false,
  output: { code: `ERR_HELP_${code}`, ...details },
});

/** A call that does one thing at a time: written after the reducers, apart from the model. */
export class ReferenceCall {
  state: 'open' | 'claimed' | 'answered' | 'withdrawn' = 'open';
  fence = 0;
  by: string | null = null;
  text: string | null = null;

  get seen(): Readonly<Record<string, unknown>> {
    const { state, fence, by, text } = this;
    return { state, fence, by, text };
  }

  read(): Answered {
    return { ok: true, output: this.seen };
  }

  claim(by: string): Answered {
    const settled = this.#settled();
    if (settled !== undefined) return settled;
    if (this.state === 'claimed') return this.#held('CLAIMED');
    this.fence += 1;
    this.state = 'claimed';
    this.by = by;
    return { ok: true, output: { fence: this.fence } };
  }

  release(by: string, fence: number): Answered {
    const settled = this.#settled();
    if (settled !== undefined) return settled;
    if (this.state === 'open') return refused('UNCLAIMED');
    const other = this.#notHeld(by, fence);
    if (other !== undefined) return other;
    this.state = 'open';
    this.by = null;
    return { ok: true, output: {} };
  }

  answer(by: string, fence: number, text: string): Answered {
    const settled = this.#settled();
    if (settled !== undefined) return settled;
    if (this.state === 'open') {
      const isTooHigh = fence > this.fence || this.fence === 0;
      return isTooHigh ? refused('UNCLAIMED') : refused('FENCE', { fence });
    }
    const other = this.#notHeld(by, fence);
    if (other !== undefined) return other;
    this.state = 'answered';
    this.text = text;
    return { ok: true, output: {} };
  }

  withdraw(): Answered {
    const settled = this.#settled();
    if (settled !== undefined) return settled;
    this.state = 'withdrawn';
    this.by = null;
    return { ok: true, output: {} };
  }

  #settled(): Answered | undefined {
    if (this.state === 'answered') return refused('ANSWERED', { by: this.by });
    return this.state === 'withdrawn' ? refused('WITHDRAWN') : undefined;
  }

  #notHeld(by: string, fence: number): Answered | undefined {
    if (fence !== this.fence) return this.#held('FENCE');
    return by === this.by ? undefined : this.#held('CLAIMED');
  }

  #held(code: string): Answered {
    return refused(code, { by: this.by, fence: this.fence });
  }
}
