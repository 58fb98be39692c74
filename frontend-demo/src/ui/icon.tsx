/** Line icons, drawn from the shapes that `lucide` publishes. Always decoration: the name belongs to the control. */

import type { IconNode } from 'lucide';
import { h } from 'preact';

export interface IconProps {
  shape: IconNode;
  size?: number;
}

export function Icon({ shape, size = 18 }: IconProps) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {shape.map(([tag, attributes], index) => h(tag, { key: index, ...attributes }))}
    </svg>
  );
}
