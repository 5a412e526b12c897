import type { Signer } from '../../../../protocols/interface/index.ts';
import {
  encodeHeadBody,
  joinSignatures,
  signHeadBody,
} from '../../../../protocols/slurp/heads/head-rules.ts';
import type { Head } from '../../../../protocols/slurp/index.ts';

/** A head that one voter signed: of a mesh of one voter that is a majority. */
export function encodeHead(signer: Signer, head: Omit<Head, 'v'>): Uint8Array {
  const body = encodeHeadBody(head);
  return joinSignatures(body, [{ voter: signer.peer, s: signHeadBody(signer, body) }]);
}
