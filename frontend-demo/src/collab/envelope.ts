/**
 * Room-channel frames: message type 100 of the y-websocket protocol, a JSON envelope in a byte array.
 * Owns what an envelope is and its bytes; knows no socket and no state.
 */

import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';

export const ROOM_CHANNEL_MESSAGE = 100;
export const PROTOCOL_VERSION = 1;

export type ClientEnvelope =
  | { op: 'hello'; v: typeof PROTOCOL_VERSION; channels: Record<string, object> }
  | { op: 'mark'; id: number };

export interface Welcome {
  op: 'welcome';
  v: number;
  /** What this session may do; absent when the server does not say. */
  can: readonly string[] | undefined;
}

export interface Saved {
  op: 'saved';
  mark: number;
  level: string;
}

export interface Nack {
  op: 'nack';
  /** The mark that is refused; undefined when the refusal is for something else. */
  mark: number | undefined;
  code: string;
  message: string;
  /** Seconds after which trying again makes sense; undefined when it does not. */
  retryAfter: number | undefined;
}

export interface Rejected {
  op: 'rejected';
  reason: string;
}

export interface Role {
  op: 'role';
  can: readonly string[];
}

export type ServerEnvelope = Welcome | Saved | Nack | Rejected | Role;

type Json = Record<string, unknown>;

export function encodeFrame(envelope: ClientEnvelope): Uint8Array<ArrayBuffer> {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, ROOM_CHANNEL_MESSAGE);
  encoding.writeVarUint8Array(encoder, new TextEncoder().encode(JSON.stringify(envelope)));
  return encoding.toUint8Array(encoder);
}

/**
 * Reads what follows the message type.
 * Returns undefined for what this page does not know: the protocol asks to ignore it.
 */
export function decodePayload(decoder: decoding.Decoder): ServerEnvelope | undefined {
  const json = parseObject(decoding.readVarUint8Array(decoder));
  return json && readEnvelope(json);
}

function parseObject(bytes: Uint8Array): Json | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    // Not JSON, or not UTF-8: no envelope of ours. The editing connection is unharmed by ignoring it.
    return undefined;
  }
}

function readEnvelope(json: Json): ServerEnvelope | undefined {
  switch (json.op) {
    case 'welcome':
      return { op: 'welcome', v: asNumber(json.v) ?? 0, can: asStrings(json.can) };
    case 'saved':
      return readSaved(json);
    case 'nack':
      return readNack(json);
    case 'rejected':
      return { op: 'rejected', reason: asString(json.reason) ?? 'unknown' };
    case 'role':
      return { op: 'role', can: asStrings(json.can) ?? [] };
    default:
      return undefined;
  }
}

function readSaved(json: Json): Saved | undefined {
  const mark = asNumber(json.mark);
  const level = asString(json.level);
  return mark === undefined || level === undefined ? undefined : { op: 'saved', mark, level };
}

function readNack(json: Json): Nack {
  return {
    op: 'nack',
    // A channel's event has an id as well; only a refusal without a channel can be for a mark.
    mark: json.ch === undefined ? (asNumber(json.mark) ?? asNumber(json.id)) : undefined,
    code: asString(json.code) ?? 'unknown',
    message: asString(json.message) ?? '',
    retryAfter: asNumber(json.retry_after),
  };
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function asStrings(value: unknown): readonly string[] | undefined {
  return Array.isArray(value)
    ? value.filter((entry): entry is string => typeof entry === 'string')
    : undefined;
}
