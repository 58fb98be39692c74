/** A labelled line of text with room for what is wrong with it. */

import type { InputHTMLAttributes, Ref } from 'preact';
import { useId } from 'preact/hooks';
import './field.css';

type InputOptions = Pick<
  InputHTMLAttributes<HTMLInputElement>,
  'placeholder' | 'defaultValue' | 'maxLength' | 'inputMode' | 'onInput' | 'onBlur'
>;

export interface FieldProps extends InputOptions {
  label: string;
  problem?: string | undefined;
  inputRef?: Ref<HTMLInputElement>;
  testId: string;
  /** For names and addresses: no capital letters, no spell check. */
  verbatim?: boolean;
}

export function Field({ label, problem, inputRef, testId, verbatim = false, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label class="field__label" for={id}>
        {label}
      </label>
      <input
        autocomplete="off"
        autocapitalize={verbatim ? 'none' : 'words'}
        spellcheck={!verbatim}
        data-testid={testId}
        {...rest}
        id={id}
        {...(inputRef && { ref: inputRef })}
        class="field__input"
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-problem`}
      />
      <p class="field__problem" id={`${id}-problem`} role="alert">
        {problem}
      </p>
    </div>
  );
}
