/** What a room session needs of a y-websocket provider, and the stock provider behind it. */

import type * as decoding from 'lib0/decoding';
import type { Awareness } from 'y-protocols/awareness';
import { WebsocketProvider } from 'y-websocket';
import type * as Y from 'yjs';
import type { Closing } from './connection-state';

/** Reads a message after its type. What it writes into the encoder is sent back, so ours write nothing. */
export type MessageHandler = (encoder: unknown, decoder: decoding.Decoder) => void;

export interface ProviderEvents {
  status: (event: { status: 'connecting' | 'connected' | 'disconnected' }) => void;
  sync: (synced: boolean) => void;
  'connection-close': (event: Closing | null) => void;
  /** The server closed for good; the provider has stopped. */
  closed: (closing: Closing) => void;
}

export interface RoomProvider {
  readonly awareness: Awareness;
  readonly ws: { send(data: Uint8Array<ArrayBuffer>): void } | null;
  readonly wsconnected: boolean;
  readonly messageHandlers: MessageHandler[];
  on<Name extends keyof ProviderEvents>(name: Name, listener: ProviderEvents[Name]): unknown;
  connect(): void;
  disconnect(): void;
  destroy(): void;
}

export type ProviderFactory = (serverUrl: string, roomPath: string, doc: Y.Doc) => RoomProvider;

/**
 * The stock provider, not yet connected. Tabs of one browser meet at the server and not through
 * BroadcastChannel: what a tab shows has then passed the server, or was written in that very tab.
 */
export const stockProvider: ProviderFactory = (serverUrl, roomPath, doc) =>
  new WebsocketProvider(serverUrl, roomPath, doc, {
    connect: false,
    disableBc: true,
  }) as unknown as RoomProvider;
