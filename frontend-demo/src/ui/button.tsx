/** Buttons: one look, four weights. */

import type { IconNode } from 'lucide';
import type { ComponentChildren, JSX } from 'preact';
import { Icon } from './icon';
import './button.css';

export interface ButtonProps extends Omit<JSX.IntrinsicElements['button'], 'icon'> {
  weight?: 'primary' | 'plain' | 'quiet';
  icon?: IconNode;
  children: ComponentChildren;
}

export function Button({ weight = 'plain', icon, children, class: extra, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={`button button--${weight} ${extra ?? ''}`}>
      {icon && <Icon shape={icon} />}
      <span>{children}</span>
    </button>
  );
}
