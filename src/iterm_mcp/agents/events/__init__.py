"""What agents tell of themselves, as events. Pure: from their own records to ours."""
