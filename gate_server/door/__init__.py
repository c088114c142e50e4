"""What API and pages share: the services behind them, who may knock, the one shape of errors."""
