"""The engines that run models, one folder or file per engine."""
