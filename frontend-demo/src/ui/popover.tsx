/**
 * A panel that opens beneath its button. Owns opening, closing and where the focus goes: Escape and a click
 * outside close it, Escape gives the focus back.
 */

import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import './popover.css';

export interface PopoverProps {
  open: boolean;
  onClose: () => void;
  /** Where the focus goes after Escape; to the anchor unless said otherwise. */
  returnFocus?: () => void;
  /** The control that opened it: clicks on it are its own business. */
  anchor: RefObject<HTMLElement | null>;
  label: string;
  children: ComponentChildren;
  class?: string;
}

export function Popover({ open, onClose, returnFocus, anchor, label, children, class: extra }: PopoverProps) {
  const panel = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!open) return;
    const isOutside = (target: EventTarget | null) =>
      target instanceof Node && !panel.current?.contains(target) && !anchor.current?.contains(target);
    const onPointerDown = (event: PointerEvent) => {
      if (isOutside(event.target)) onClose();
    };
    const onFocusIn = (event: FocusEvent) => {
      if (isOutside(event.target)) onClose();
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      onClose();
      if (returnFocus === undefined) anchor.current?.focus();
      else returnFocus();
    };
    // A form inside may have taken the focus to its field already.
    if (!panel.current?.contains(document.activeElement)) panel.current?.focus();
    document.addEventListener('pointerdown', onPointerDown);
    document.addEventListener('focusin', onFocusIn);
    // While capturing: the editor has its own ideas about Escape.
    document.addEventListener('keydown', onKeyDown, true);
    return () => {
      document.removeEventListener('keydown', onKeyDown, true);
      document.removeEventListener('pointerdown', onPointerDown);
      document.removeEventListener('focusin', onFocusIn);
    };
  }, [open, onClose, returnFocus, anchor]);

  if (!open) return null;
  return (
    <div ref={panel} class={`popover ${extra ?? ''}`} role="dialog" aria-label={label} tabIndex={-1}>
      {children}
    </div>
  );
}
