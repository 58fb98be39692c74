/** An ordinary link that changes the page without loading it anew. */

import type { ComponentChildren } from 'preact';
import { useServices } from '../app/services';

export interface LinkProps {
  to: string;
  class: string;
  label?: string;
  children: ComponentChildren;
}

export function Link({ to, class: look, label, children }: LinkProps) {
  const { router } = useServices();
  return (
    <a
      class={look}
      href={to}
      aria-label={label}
      onClick={(event) => {
        // New tab, new window, download: the browser's own business.
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        router.go(to);
      }}
    >
      {children}
    </a>
  );
}
