"""Example scenarios, each with a README; `speccraft init --template NAME` copies one."""
