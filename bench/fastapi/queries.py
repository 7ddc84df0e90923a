"""The two selects. The databases differ in how they write parameters."""

STATUS = """select id, status, failure_code as status_message, worker_url
    from assistants where id = {} and user_id = {}"""

LIST = """select id, user_id, coalesce(name, 'Untitled assistant') as name, provider as model_provider, model_id,
    'telegram' as channel_type, plan as api_mode, worker_name, worker_url, status, failure_code as status_message,
    payment_status, subscription_id as polar_subscription_id, current_period_end, canceled_at,
    status = 'purchased' as is_prebuy, webhook_url as user_callback_url, created_at, updated_at
    from assistants where user_id = {} order by created_at desc, id desc limit {}"""
