import { CODE_P2P, CODE_P2P_CIRCUIT, type Multiaddr } from '@multiformats/multiaddr';

/** The peers that an address leads through; an unknown one as ''. */
export function relaysOf(address: Multiaddr): string[] {
  const relays: string[] = [];
  let last = '';
  for (const { code, value } of address.getComponents()) {
    if (code === CODE_P2P_CIRCUIT) relays.push(last);
    last = code === CODE_P2P ? (value ?? '') : '';
  }
  return relays;
}
