import type { KadDHT, QueryEvent } from '@libp2p/kad-dht';
import { CID } from 'multiformats/cid';
import { LIMITS, type Logger, toError } from '../../protocols/interface/index.ts';
import { DHT_NAMESPACE, type Dht, type RecordJudge } from '../../protocols/slurp/index.ts';
import type { DhtRecords } from './dht.ts';

/** Values that one query gathers. */
const VALUES_MAX = 32;

/** The records of the mesh as kad-dht asks for them. */
export function dhtRecordsOf(judge: Pick<RecordJudge, 'select' | 'validate'>): DhtRecords {
  return {
    validators: { [DHT_NAMESPACE]: judge.validate },
    selectors: { [DHT_NAMESPACE]: judge.select },
  };
}

/** kad-dht as {@link Dht}. */
export function dhtOf(kad: KadDHT, self: string, logger: Logger): Dht {
  let provided: string | undefined;
  return {
    put: async (key, value, signal) => {
      let copies = 0;
      // A member that refuses is no error to kad-dht: it resets the stream, or answers otherwise.
      for await (const event of kad.put(key, value, { signal })) {
        if (isPutAnswer(event)) copies++;
      }
      return copies;
    },
    get: async (key, signal) => await valuesOf(kad.get(key, { signal }), logger),
    provide: async (cid, signal) => {
      // kad-dht would tell of what it was once told for ever.
      if (provided !== undefined && provided !== cid) {
        await kad.cancelReprovide(CID.parse(provided), { signal });
      }
      provided = cid;
      const told = new Set<string>();
      for await (const event of kad.provide(CID.parse(cid), { signal })) {
        if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'ADD_PROVIDER') continue;
        if (event.from.toString() !== self) told.add(event.from.toString());
      }
      return told.size;
    },
  };
}

function isPutAnswer(event: QueryEvent): boolean {
  return (
    event.name === 'PEER_RESPONSE' &&
    event.messageName === 'PUT_VALUE' &&
    event.record !== undefined
  );
}

/**
 * All values that came, not the one that kad-dht chose: it may end with an error because a member
 * did not take its correction, when the values are there already.
 */
async function valuesOf(events: AsyncIterable<QueryEvent>, logger: Logger): Promise<Uint8Array[]> {
  const values: Uint8Array[] = [];
  try {
    for await (const event of events) {
      const value = valueIn(event);
      if (value === undefined || value.length > LIMITS.dhtRecordBytesMax) continue;
      values.push(value);
      if (values.length >= VALUES_MAX) break;
    }
  } catch (error) {
    logger.debug({ err: toError(error), values: values.length }, 'a query of the DHT ended early');
  }
  return values;
}

function valueIn(event: QueryEvent): Uint8Array | undefined {
  if (event.name === 'VALUE') return event.value;
  return event.name === 'PEER_RESPONSE' ? event.record?.value : undefined;
}
