import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { describe, expect, it } from 'vitest';
import { decodePayload, encodeFrame } from './envelope';

function payloadOf(bytes: Uint8Array): decoding.Decoder {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint8Array(encoder, bytes);
  return decoding.createDecoder(encoding.toUint8Array(encoder));
}

function decode(value: unknown) {
  return decodePayload(payloadOf(new TextEncoder().encode(JSON.stringify(value))));
}

describe('encodeFrame', () => {
  it('writes type 100 and the JSON in a byte array', () => {
    const decoder = decoding.createDecoder(encodeFrame({ op: 'mark', id: 17 }));
    expect(decoding.readVarUint(decoder)).toBe(100);
    const json = new TextDecoder().decode(decoding.readVarUint8Array(decoder));
    expect(JSON.parse(json)).toEqual({ op: 'mark', id: 17 });
    expect(decoding.hasContent(decoder)).toBe(false);
  });

  it('says hello in the version of the protocol', () => {
    const frame = encodeFrame({ op: 'hello', v: 1, channels: {} });
    const json = new TextDecoder().decode(frame.slice(2));
    expect(JSON.parse(json)).toEqual({ op: 'hello', v: 1, channels: {} });
  });
});

describe('decodePayload', () => {
  it('reads what this page acts on', () => {
    expect(decode({ op: 'welcome', v: 1, session: 's', can: ['read', 'write'], channels: {} })).toEqual({
      op: 'welcome',
      v: 1,
      can: ['read', 'write'],
    });
    expect(decode({ op: 'saved', mark: 3, level: 'journaled' })).toEqual({
      op: 'saved',
      mark: 3,
      level: 'journaled',
    });
    expect(decode({ op: 'rejected', reason: 'read_only', count: 3 })).toEqual({
      op: 'rejected',
      reason: 'read_only',
    });
    expect(decode({ op: 'role', can: ['read'] })).toEqual({ op: 'role', can: ['read'] });
  });

  it('finds the mark of a nack, and none where the nack is for a channel', () => {
    expect(decode({ op: 'nack', mark: 4, code: 'held', message: 'm' })).toMatchObject({ mark: 4 });
    expect(decode({ op: 'nack', id: 4, code: 'held', message: 'm' })).toMatchObject({ mark: 4 });
    expect(decode({ op: 'nack', ch: 'chat', id: 4, code: 'x' })).toMatchObject({ mark: undefined });
    expect(decode({ op: 'nack', code: 'x', retry_after: 1.5 })).toMatchObject({
      retryAfter: 1.5,
      message: '',
    });
  });

  it.each([
    [{ op: 'event', ch: 'chat' }],
    [{ op: 'saved', mark: '3', level: 'journaled' }],
    [{ op: 'saved', mark: 3 }],
    [{}],
    [[1, 2]],
    ['text'],
    [null],
  ])('ignores %j', (value) => {
    expect(decode(value)).toBeUndefined();
  });

  it('ignores what is not JSON and what is not UTF-8', () => {
    expect(decodePayload(payloadOf(new TextEncoder().encode('{"op":')))).toBeUndefined();
    expect(decodePayload(payloadOf(new Uint8Array([0xff, 0xfe, 0x61])))).toBeUndefined();
  });
});
