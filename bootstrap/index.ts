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
export {
  type Inviter,
  invitersOf,
  type RedeemComponents,
  type RedeemInit,
  type RedeemNetwork,
  redeemInvite,
} from './redeem.ts';
