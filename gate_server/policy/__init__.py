"""The policy: gate.yaml to rules, rules and changes to a plan, evaluations to a verdict. No I/O."""
