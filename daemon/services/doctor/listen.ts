import { counted, type DoctorLine, fail, ok, warn } from './line.ts';

/** Where this node can be dialled. */
export interface ListenFacts {
  /** The addresses that members are told, each dialled from here; `error` when nobody answered. */
  readonly addresses: readonly { readonly address: string; readonly error?: string | undefined }[];
  /** Names of members that have dialled this node and are connected. */
  readonly inboundFrom: readonly string[];
  /** What a member that was asked to dial this node back came to; undefined when none answered. */
  readonly dialledBack:
    | { readonly by: string; readonly outcome: 'reached' | 'refused' | 'unreachable' }
    | undefined;
  /** Members that let others through to this node. */
  readonly relays: number;
}

/** Can this node be dialled at the addresses that it names? */
export function judgeListen(facts: ListenFacts): DoctorLine {
  const { addresses, inboundFrom, dialledBack, relays } = facts;
  const through = relays === 0 ? '' : `; reachable through ${counted(relays, 'relay')}`;
  if (addresses.length === 0) {
    const text = `this node has no address of its own and only dials out${through}`;
    if (relays > 0) return ok('listen', text);
    const remedy = 'Let it listen: cooee up --listen /ip4/0.0.0.0/tcp/26633';
    return warn('listen', text, remedy);
  }
  const dead = addresses.filter(({ error }) => error !== undefined);
  const proof = proofOf(facts);
  if (dead.length > 0) {
    const list = dead.map(({ address, error }) => `${address}: ${error}`).join('; ');
    const remedy =
      'Allow that port in the firewall of this host, or listen elsewhere: cooee up --listen ADDR';
    const isSome = dead.length < addresses.length || inboundFrom.length > 0;
    if (!isSome) return fail('listen', `no address answers (${list})`, remedy);
    return warn('listen', `not every address answers (${list})${proof}`, remedy);
  }
  if (dialledBack?.outcome === 'unreachable' && inboundFrom.length === 0) {
    return warn(
      'listen',
      `${dialledBack.by} cannot dial it back: a firewall or NAT is between${through}`,
      'Open its TCP port on the way, or let a member relay that both reach: docs/config.md.',
    );
  }
  return ok('listen', `${counted(addresses.length, 'address', 'addresses')} answered${proof}`);
}

/** What shows that others come in. */
function proofOf({ inboundFrom, dialledBack }: ListenFacts): string {
  if (dialledBack?.outcome === 'reached') return `; ${dialledBack.by} dialled it back`;
  if (inboundFrom.length === 0) return '';
  return `; ${inboundFrom.slice(0, 3).join(', ')} dialled in`;
}
