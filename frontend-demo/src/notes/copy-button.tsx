/** A button that copies a text and says that it did. */

import { Check, type IconNode } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import { Button, type ButtonProps } from '../ui/button';
import { copyText } from '../ui/clipboard';

export interface CopyButtonProps extends Omit<ButtonProps, 'children' | 'onClick'> {
  text: () => string;
  label: string;
  doneLabel: string;
  failedLabel: string;
  icon: IconNode;
  testId: string;
}

const SHOWN_MS = 2_500;

export function CopyButton({ text, label, doneLabel, failedLabel, icon, testId, ...rest }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<'done' | 'failed'>();
  useEffect(() => {
    if (outcome === undefined) return;
    const timer = setTimeout(() => setOutcome(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const spoken = outcome === undefined ? '' : outcome === 'done' ? doneLabel : failedLabel;
  return (
    <>
      <Button
        {...rest}
        icon={outcome === 'done' ? Check : icon}
        data-testid={testId}
        onClick={async () => setOutcome((await copyText(text())) ? 'done' : 'failed')}
      >
        {spoken || label}
      </Button>
      <span class="visually-hidden" role="status">
        {spoken}
      </span>
    </>
  );
}
