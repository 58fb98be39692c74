/** A person as a coloured disc with initials. */

import './avatar.css';

export interface AvatarProps {
  name: string;
  color: string;
}

export function Avatar({ name, color }: AvatarProps) {
  return (
    <span class="avatar" style={{ backgroundColor: color }} aria-hidden="true">
      {initials(name)}
    </span>
  );
}

/** Up to two letters: of the first and the last word. Characters, not halves of them. */
export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => word !== '');
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((word) => firstCharacter(word ?? '').toLocaleUpperCase()).join('') || '?';
}

function firstCharacter(word: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(word);
  return first?.segment ?? '';
}
