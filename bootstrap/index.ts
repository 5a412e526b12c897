/**
 * How a host enters a mesh: making one, redeeming an invite, staying connected, knowing itself.
 *
 * @packageDocumentation
 */
export {
  GENESIS_SEQ,
  GENESIS_TERM,
  type Genesis,
  type GenesisInit,
  makeGenesis,
} from './genesis.ts';
export { HintDials, type HintDialsComponents } from './hint-dials.ts';
export { JoinHints } from './join-hints.ts';
export {
  type Inviter,
  invitersOf,
  type RedeemComponents,
  type RedeemInit,
  type RedeemNetwork,
  redeemInvite,
  vouchedBy,
} from './redeem.ts';
