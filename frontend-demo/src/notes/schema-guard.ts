/**
 * Keeps a page from destroying what it does not know. The editor binding deletes, for everybody, every node
 * that it cannot build; so a note with a node or mark from a newer page must not reach it.
 * Owns the search for such content; knows no component.
 */

import type { Schema } from '@tiptap/pm/model';
import * as Y from 'yjs';

/** The name of the first node or mark that `schema` lacks, or undefined. */
export function findUnknownContent(
  type: Y.XmlFragment | Y.XmlElement | Y.XmlText,
  schema: Schema,
): string | undefined {
  if (type instanceof Y.XmlText) return findUnknownMark(type, schema);
  if (type instanceof Y.XmlElement && schema.nodes[type.nodeName] === undefined) return type.nodeName;
  for (const child of type.toArray()) {
    const unknown =
      child instanceof Y.XmlElement || child instanceof Y.XmlText
        ? findUnknownContent(child, schema)
        : child.constructor.name;
    if (unknown !== undefined) return unknown;
  }
  return undefined;
}

/**
 * Calls `onUnknown` as soon as a change brings in unknown content. To be registered before the editor is
 * made: observers are called in the order of their registration, and `onUnknown` must destroy the editor
 * before the binding sees the change. Returns what ends it.
 */
export function guardSchema(
  fragment: Y.XmlFragment,
  schema: Schema,
  onUnknown: (name: string) => void,
): () => void {
  const onChange = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => {
    for (const event of events) {
      const unknown = findInEvent(event, schema);
      if (unknown !== undefined) {
        onUnknown(unknown);
        return;
      }
    }
  };
  // The type of observeDeep names events more loosely than what arrives.
  const observer = onChange as Parameters<typeof fragment.observeDeep>[0];
  fragment.observeDeep(observer);
  return () => fragment.unobserveDeep(observer);
}

function findInEvent(event: Y.YEvent<Y.AbstractType<unknown>>, schema: Schema): string | undefined {
  if (event.target instanceof Y.XmlText) return findUnknownMark(event.target, schema);
  for (const item of event.changes.added) {
    for (const content of item.content.getContent()) {
      if (!(content instanceof Y.XmlElement || content instanceof Y.XmlText)) continue;
      const unknown = findUnknownContent(content, schema);
      if (unknown !== undefined) return unknown;
    }
  }
  return undefined;
}

function findUnknownMark(text: Y.XmlText, schema: Schema): string | undefined {
  for (const { attributes } of text.toDelta() as { attributes?: Record<string, unknown> }[]) {
    for (const attribute of Object.keys(attributes ?? {})) {
      if (schema.marks[markName(attribute)] === undefined) return markName(attribute);
    }
  }
  return undefined;
}

/** Marks that may overlap themselves carry a hash: "comment--1a2b". */
function markName(attribute: string): string {
  return attribute.replace(/--[a-zA-Z0-9+/=]{8}$/, '');
}
