/** What somebody types as the address of a link, made an address. Pure. */

import { hasAllowedProtocol } from './extensions';

const MAIL = /^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/;

/** The address to link to, or undefined when it is none or one that must not be linked. */
export function linkAddress(typed: string): string | undefined {
  const text = typed.trim();
  if (text === '' || /\s/.test(text) || !hasAllowedProtocol(text)) return undefined;
  const address = /^[a-z][a-z0-9+-]*:/i.test(text)
    ? text
    : `${MAIL.test(text) ? 'mailto:' : 'https://'}${text}`;
  return URL.canParse(address) ? address : undefined;
}
